// A program of bench/servers with the package as it is published, from dist/: in a temporary folder, where 'holdfast' is
// found among its node_modules, as by a user.
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const BENCH = fileURLToPath(new URL('../', import.meta.url))
const DIST = fileURLToPath(new URL('../../../dist/', import.meta.url))

let folder: string | undefined

/** @returns the path of the program */
export function published(program: string): string {
  folder ??= install()
  return join(folder, 'servers', `${program}.js`)
}

function install(): string {
  const made = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  process.on('exit', () => rmSync(made, { recursive: true, force: true }))
  writeFileSync(join(made, 'package.json'), '{ "type": "module" }')
  for (const name of ['servers', 'support']) cpSync(join(BENCH, name), join(made, name), { recursive: true })
  mkdirSync(join(made, 'node_modules'))
  symlinkSync(DIST, join(made, 'node_modules/holdfast'))
  return made
}
