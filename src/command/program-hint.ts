// What to write when the command line names no file as its program.
import { readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'

/** Programs that start other programs. */
const RUNNERS: readonly string[] = ['npm', 'npx', 'pnpm', 'yarn', 'bun', 'deno', 'tsx', 'ts-node', 'nodemon']

/** Endings that a user may leave out, as with node. */
const ENDINGS = ['.js', '.mjs', '.cjs', '.ts']

/**
 * @param program - the text of the command line; there is no such file
 * @param args - what follows
 * @param folder - the working directory
 * @returns a sentence with what to write
 */
export function programHint(program: string, args: readonly string[], folder: string): string {
  const [first] = args
  if (basename(program) === 'node') {
    const at = args.findIndex((text) => !text.startsWith('-'))
    const own = at === -1 ? args : args.slice(0, at)
    const rest = at === -1 ? ['app.js'] : args.slice(at)
    return `holdfast starts node itself; write holdfast ${[...own.map((flag) => `--node=${flag}`), ...rest].join(' ')}`
  }
  const runner = RUNNERS.includes(program)
  if (runner && first !== undefined && /\.[cm]?[jt]s$/.test(first)) return `write holdfast ${first}`
  if (runner) {
    const script = scriptOf(folder, first === 'run' ? args[1] : first)
    const [, file] = /^node +(?:-\S+ +)*([^\s-]\S*)/.exec(script ?? '') ?? []
    const starts = `the file that \`${[program, ...args].join(' ')}\` starts`
    return file === undefined ? `write holdfast app.js with ${starts}` : `write holdfast ${file}, ${starts}`
  }
  if (isFile(join(folder, 'node_modules/.bin', program))) {
    return `write holdfast ${['node_modules/.bin', program].join('/')}${args.map((text) => ` ${text}`).join('')}`
  }
  const ending = ENDINGS.find((text) => isFile(join(folder, program + text)))
  if (ending !== undefined) return `write holdfast ${program}${ending}`
  if (statSync(join(folder, program), { throwIfNoEntry: false })?.isDirectory()) {
    const main = ['index.js', 'server.js', 'app.js'].find((name) => isFile(join(folder, program, name)))
    return `it is a folder; write holdfast ${join(program, main ?? 'app.js')}`
  }
  return 'write holdfast app.js with the path of the file'
}

/** A script of the package.json in the folder. */
function scriptOf(folder: string, name = 'start'): string | undefined {
  try {
    const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      scripts?: Record<string, string>
    }
    return scripts?.[name]
  } catch {
    return undefined // there is no package.json that can be read
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}
