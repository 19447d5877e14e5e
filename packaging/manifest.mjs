// What package.json says about the package: the names of its entry points.
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Folder of the repository, with a slash at its end. */
export const ROOT = fileURLToPath(new URL('../', import.meta.url))

/** Folder of the files that package.json exports. */
export const DIST = `${ROOT}dist/`

/** @returns names of the files in src/ that the exports, and the command, start from; without extension */
export function entryPoints() {
  const { exports, bin } = readManifest()
  const fileNames = (targets) =>
    Object.values(targets)
      .map((target) => target.default ?? target)
      .filter((file) => file.endsWith('.js'))
      .map((file) => file.replace(/^(\.\/)?dist\//, '').replace(/\.js$/, ''))
  return { faces: fileNames(exports), commands: fileNames(bin) }
}

/** @returns paths of the files and folders in the package; npm adds the first three by itself */
export function packedPaths() {
  return ['package.json', 'README.md', 'LICENSE', ...readManifest().files]
}

/** @returns the address at which the repository shows a file or a folder of this version */
export function repositoryUrl(path) {
  const { repository, version } = readManifest()
  const kind = statSync(join(ROOT, path)).isDirectory() ? 'tree' : 'blob'
  return `${repository.url.replace(/^git\+|\.git$/g, '')}/${kind}/v${version}/${path}`
}

function readManifest() {
  return JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'))
}
