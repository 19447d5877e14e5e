// The rooms of src/: the process that each one runs in, and its imports, read from the sources.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../../', import.meta.url))

/** Rooms of one process; all others run in the primary and in the workers. */
export const PROCESSES = {
  primary: ['admin', 'primary', 'service-manager', 'steering', 'supervisor'],
  worker: ['serving', 'sessions', 'standalone', 'worker'],
} as const

/** Every room may import from these rooms, so arrows to them would say nothing. */
export const COMMON = ['async', 'options']

/** The file at the root that connects the rooms; the other files are public faces, or may be imported everywhere. */
export const ENTRY = 'sticky-listen.ts'

/** Imports against the layers, drawn in red. The list may get shorter, never longer. */
export const UPWARDS: readonly string[] = []

/** The text of a file of the repository. */
export function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

/** The files below a folder of the repository whose names have the ending; none without such a folder. */
export function list(folder: string, ending: string): string[] {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(folder, file))
}

/** The folders of src/. */
export function rooms(): string[] {
  const entries = readdirSync(join(root, 'src'), { withFileTypes: true })
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted()
}

/** The rooms that each room imports running code from, without {@link COMMON}; sorted. */
export function roomImports(): Map<string, string[]> {
  const found = new Map([ENTRY, ...rooms()].map((room) => [room, new Set<string>()]))
  for (const file of list('src', '.ts')) {
    const from = roomOf(file)
    const text = read(file)
    const atStart = text.matchAll(/^(?:import|export) (?!type\b)[^'"]*?from '(\.[^']+)'/gm)
    const later = text.matchAll(/\bimport\('(\.[^']+)'\)/g)
    for (const [, path = ''] of [...atStart, ...later]) {
      const to = roomOf(join(dirname(file), path))
      if (to !== from && found.has(to) && !COMMON.includes(to)) found.get(from)?.add(to)
    }
  }
  return new Map([...found].map(([room, imports]) => [room, [...imports].toSorted()]))
}

/** @param file - `src/room/file.ts`, or `src/file.ts` */
function roomOf(file: string): string {
  return file.split('/')[1] ?? ''
}
