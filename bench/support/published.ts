// A program of bench/servers with the package as it is published, from dist/: in a folder of its own, where 'holdfast' is
// found among its node_modules, as by a user.
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** In build/, and not of the package around it: it has a package.json. */
const FOLDER = fileURLToPath(new URL('../published/', import.meta.url))

let isMade = false

/** @returns the path of the program */
export function published(program: string): string {
  if (!isMade) make()
  isMade = true
  return join(FOLDER, 'servers', `${program}.js`)
}

function make(): void {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(join(FOLDER, 'node_modules'), { recursive: true })
  writeFileSync(join(FOLDER, 'package.json'), '{ "type": "module" }')
  for (const name of ['servers', 'support']) {
    cpSync(new URL(`../${name}/`, import.meta.url), join(FOLDER, name), { recursive: true })
  }
  symlinkSync(fileURLToPath(new URL('../../../dist/', import.meta.url)), join(FOLDER, 'node_modules/holdfast'))
}
