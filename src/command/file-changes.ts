// Notices changes of files, for the watch mode. It watches folders and not files: an editor that saves a file often puts
// a new one in its place, and a watch of the old one would notice nothing any more.
import { existsSync, readdirSync, statSync, watch, type FSWatcher } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Milliseconds between two looks for a folder that is gone; changing a branch removes folders and makes them again. */
const LOOK_AGAIN = 500

/** Files that editors write while the user types. */
const OF_EDITORS = /^\..*\.sw[a-z]$|~$/

export interface FileChangeEvents {
  /** This file, or a file in this folder, has changed, is new or is gone. */
  onChange(path: string): void
  /** The system refuses to watch the folder. */
  onRefused(folder: string, error: unknown): void
}

export class FileChanges {
  readonly #events: FileChangeEvents
  readonly #files = new Set<string>()
  /** Folders of which every file counts. */
  readonly #trees = new Set<string>()
  readonly #watchers = new Map<string, FSWatcher>()
  /** Folders to watch that do not exist now. */
  readonly #gone = new Set<string>()
  #lookTimer: NodeJS.Timeout | undefined

  constructor(events: FileChangeEvents) {
    this.#events = events
  }

  /** @param path - absolute; the file need not exist yet */
  addFile(path: string): void {
    if (this.#files.has(path)) return
    this.#files.add(path)
    this.#watch(dirname(path))
  }

  /** Every file in the folder and below it counts, except in folders named node_modules or with a dot in front. */
  addTree(folder: string): void {
    this.#trees.add(folder)
    this.#watch(folder)
    for (const entry of entriesOf(folder)) {
      if (entry.isDirectory() && isWatched(entry.name)) this.addTree(join(folder, entry.name))
    }
  }

  #watch(folder: string): boolean {
    if (this.#watchers.has(folder)) return true
    try {
      const watcher = watch(folder, { persistent: false }, (event, name) => this.#noticed(folder, event, name))
      watcher.on('error', () => this.#lost(folder))
      this.#watchers.set(folder, watcher)
      this.#gone.delete(folder)
      return true
    } catch (error) {
      if (existsSync(folder)) this.#events.onRefused(folder, error)
      else this.#lost(folder)
      return false
    }
  }

  #noticed(folder: string, event: string, name: string | null): void {
    const path = name === null ? folder : join(folder, name)
    // The system tells of the folder itself by its own name.
    if (event === 'rename' && name === basename(folder) && !existsSync(path)) return this.#moved(folder)
    if (this.#trees.has(folder)) this.#changedInTree(path)
    else if (this.#files.has(path) || name === null) this.#events.onChange(path)
  }

  #changedInTree(path: string): void {
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
    const name = basename(path)
    if (isFolder ? !isWatched(name) : OF_EDITORS.test(name)) return
    if (isFolder) this.addTree(path)
    this.#events.onChange(path)
  }

  /** The folder was removed, or another one is in its place. */
  #moved(folder: string): void {
    this.#lost(folder)
    this.#lookAgain()
  }

  #lost(folder: string): void {
    this.#watchers.get(folder)?.close()
    this.#watchers.delete(folder)
    this.#gone.add(folder)
    this.#lookTimer ??= setInterval(() => this.#lookAgain(), LOOK_AGAIN).unref()
  }

  #lookAgain(): void {
    for (const folder of this.#gone) {
      if (!existsSync(folder) || !this.#watch(folder)) continue
      if (this.#trees.has(folder)) this.addTree(folder)
      this.#events.onChange(folder)
    }
    if (this.#gone.size > 0) return
    clearInterval(this.#lookTimer)
    this.#lookTimer = undefined
  }
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return [] // the folder is gone
  }
}

/** @param name - of a folder */
function isWatched(name: string): boolean {
  return name !== 'node_modules' && !name.startsWith('.')
}
