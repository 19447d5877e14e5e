// `holdfast --watch program.js`: reloads the processes when a file changes that they have loaded. They report these files
// as under `node --watch`. A watch of the whole folder of the program would reload for each log file, upload or database
// in it, and would miss what the program loads from elsewhere. For other files there is --watch-path.
import { statSync } from 'node:fs'
import { isAbsolute, relative, resolve, sep } from 'node:path'
import { StickyError } from '../errors.ts'
import { REPORTING } from '../ipc/watch-reports.ts'
import type { StickyOptions } from '../options/options.ts'
import { show } from '../options/reader.ts'
import type { Logger } from '../logger.ts'
import type { PrimarySticky } from '../sticky.ts'
import { UsageError } from './arguments.ts'
import { FileChanges } from './file-changes.ts'

/** Milliseconds without a change after which the workers are reloaded; `node --watch` waits for the same time. */
const QUIET = 200

/** Connections to a program under development are the developer's own, so a reload of all workers at once is no harm. */
const RELOAD = { parallel: 256, deadline: 2_000, grace: 0, spread: 0 }

const HINT = 'the next change of a file tries again'

/** The options of the file with the defaults of the watch mode. */
export function watchOptions(options: StickyOptions): StickyOptions {
  return {
    ...options,
    reload: { ...RELOAD, ...options.reload },
    restart: { onGiveUp: 'keep', ...options.restart },
  }
}

/** Variables for the workers: they report the files that they load, unless others are watched. */
export function watchEnvironment(paths: readonly string[]): Readonly<Record<string, string>> {
  return paths.length === 0 ? REPORTING : {}
}

export class WatchMode {
  readonly #folder: string
  readonly #logger: Logger
  readonly #changes: FileChanges
  /** Whether there is no --watch-path. */
  readonly #watchesLoaded: boolean
  readonly #changed = new Set<string>()
  #primary: Pick<PrimarySticky, 'reload'> | undefined
  #timer: NodeJS.Timeout | undefined
  #isWaiting = false

  /**
   * @param paths - files and folders of --watch-path, which are watched in place of the loaded files
   * @param folder - the working directory
   * @throws UsageError
   */
  constructor(paths: readonly string[], folder: string, logger: Logger) {
    this.#folder = folder
    this.#logger = logger
    this.#watchesLoaded = paths.length === 0
    this.#changes = new FileChanges({
      onChange: (path) => this.#onChange(path),
      onRefused: (refused, error) => logger.warn('watch.refused', { folder: this.#nameOf(refused), error }),
    })
    for (const text of paths) {
      const path = resolve(folder, text)
      const stats = statSync(path, { throwIfNoEntry: false })
      if (stats === undefined) {
        const expected = 'the path of a file or a folder'
        throw new UsageError(`--watch-path: expected ${expected}, got ${show(text)}; there is no ${path}`)
      }
      if (stats.isDirectory()) this.#changes.addTree(path)
      else this.#changes.addFile(path)
    }
  }

  /** A worker loads these files, or has looked for them: Node reports a missing one too. */
  loaded(files: readonly string[]): void {
    if (!this.#watchesLoaded) return
    for (const file of files) if (!file.includes(`${sep}node_modules${sep}`)) this.#changes.addFile(file)
  }

  /** Reloads the workers of this primary from now on. */
  start(primary: Pick<PrimarySticky, 'reload' | 'on'>): void {
    this.#primary = primary
    // No worker can be started, and only a change of a file can help.
    primary.on('error', () => this.#wait())
    if (this.#changed.size > 0) this.#reloadSoon()
  }

  #onChange(path: string): void {
    this.#changed.add(path)
    this.#reloadSoon()
  }

  #reloadSoon(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#reload(), QUIET).unref()
  }

  async #reload(): Promise<void> {
    if (this.#primary === undefined) return
    const [file = '', ...more] = [...this.#changed].map((path) => this.#nameOf(path))
    this.#changed.clear()
    this.#isWaiting = false
    this.#logger.info('watch.changed', { file, more: more.length > 0 ? more.length : undefined })
    try {
      await this.#primary.reload()
    } catch (error) {
      // The reload itself has logged the reason.
      if (!(error instanceof StickyError && error.code === 'HOLDFAST_CLOSED')) this.#wait()
    }
  }

  #wait(): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    this.#logger.warn('watch.waiting', { hint: HINT })
  }

  /** For the log. */
  #nameOf(path: string): string {
    const name = relative(this.#folder, path)
    return name.startsWith('..') || isAbsolute(name) || name === '' ? path : name
  }
}
