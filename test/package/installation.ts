// The package as it is published: packed, and installed into a folder of its own. It needs the npm registry, or its cache,
// for the packages that the installed one works with.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Test } from 'tap'

export interface Manifest {
  version: string
  exports: Record<string, string | { types: string; default: string }>
  devDependencies: Record<string, string>
}

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** Milliseconds for anything to happen, as everything else on the machine may be starting too. */
const DEADLINE = 30_000

export interface Installation {
  /** Path of the folder. */
  folder: string
  /** Paths of the files in the package. */
  files: string[]
  /** What npm wrote to stderr when it installed the package. */
  warnings: string
}

let packing: Promise<{ tarball: string; files: string[] }> | undefined

/** Packs the package once for all installations of this process. */
async function pack(): Promise<{ tarball: string; files: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-packed-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const { stdout } = await run('npm', ['pack', ROOT, '--json', '--pack-destination', folder], folder)
  const [packed] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[]
  return { tarball: join(folder, packed!.filename), files: packed!.files.map(({ path }) => path) }
}

/**
 * Installs the packed package into an empty folder. The folder is outside the repository: from a folder inside, its
 * packages would be found. It is removed with the test.
 *
 * @param companions - names of packages to install with it, in the versions of the repository
 * @param manifest - the package.json of the folder
 */
export async function install(
  t: Test,
  companions: readonly string[] = [],
  manifest: object = { type: 'module' },
): Promise<Installation> {
  const { tarball, files } = await (packing ??= pack())
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-package-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, ...manifest }))
  const { devDependencies } = readManifest(ROOT)
  const packages = [tarball, ...companions.map((name) => `${name}@${devDependencies[name]}`)]
  const { stderr } = await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...packages], folder)
  return { folder, files, warnings: stderr }
}

export function readManifest(folder: string): Manifest {
  const file = join(folder, 'package.json')
  return JSON.parse(readFileSync(file, 'utf8')) as Manifest
}

/** @throws Error with all that it wrote */
export async function run(
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<{ stdout: string; stderr: string }> {
  try {
    return await promisify(execFile)(command, args, { cwd })
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`, { cause: error })
  }
}

export interface Running {
  /** Resolves when its stdout matches. */
  printed(pattern: RegExp): Promise<void>
  signal(name: NodeJS.Signals): void
  /** Exit code and signal. */
  exited: Promise<unknown[]>
}

/** Starts it with Node; ends it with the test. Its workers end with it. */
export function start(t: Test, cwd: string, args: readonly string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...process.env, PORT: '', WEB_CONCURRENCY: '', REDIS_URL: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
    if (!t.passing()) t.comment(output)
  })
  return {
    exited,
    signal: (name) => void child.kill(name),
    printed: (pattern) => until(`it prints ${pattern}`, () => pattern.test(output)),
  }
}

export function text(port: string, path: string, localAddress = '127.0.0.1'): Promise<string> {
  return new Promise((done, fail) => {
    const request = http.get({ host: '127.0.0.1', port, path, localAddress, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('end', () => done(body))
    })
    request.on('error', fail)
  })
}

export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + DEADLINE; !(await holds()); await pause(20)) {
    if (Date.now() > end) throw new Error(`waited for: ${what}`)
  }
}

export async function freePort(): Promise<string> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return String(port)
}
