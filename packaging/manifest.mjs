// What package.json says about the package: the names of its entry points.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Folder of the repository, with a slash at its end. */
export const ROOT = fileURLToPath(new URL('../', import.meta.url))

/** Folder of the files that package.json exports. */
export const DIST = `${ROOT}dist/`

/** @returns names of the files in src/ that the exports, and the command, start from; without extension */
export function entryPoints() {
  const { exports, bin } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'))
  const fileNames = (targets) =>
    Object.values(targets)
      .map((target) => target.default ?? target)
      .filter((file) => file.endsWith('.js'))
      .map((file) => file.replace(/^(\.\/)?dist\//, '').replace(/\.js$/, ''))
  return { faces: fileNames(exports), commands: fileNames(bin) }
}
