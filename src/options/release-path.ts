// Paths that stay right when a symbolic link such as /srv/app/current leads to the next release.
import { realpathSync, statSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'

/**
 * The working directory by the path that the shell used, which may lead through symbolic links. The kernel knows only the
 * directory that they led to.
 */
export function workingDirectory(): string {
  const actual = process.cwd()
  const { PWD } = process.env
  return PWD !== undefined && PWD.startsWith(sep) && realPath(PWD) === actual ? PWD : actual
}

/**
 * The same file by a path through a symbolic link.
 *
 * @param path - without symbolic links
 * @param via - paths that may lead through one; the first that does, at or above the file, is taken
 */
export function throughLink(path: string, via: readonly string[]): string {
  for (const start of via) {
    for (let folder = start; ; folder = dirname(folder)) {
      const real = realPath(folder)
      if (real !== undefined && real !== folder && path.startsWith(real + sep))
        return join(folder, relative(real, path))
      if (dirname(folder) === folder) break
    }
  }
  return path
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined // there is no such file
  }
}
