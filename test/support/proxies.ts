// Starts HAProxy and nginx for a test, on loopback, with a configuration in a temporary folder.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Scope } from './balancer.ts'
import { until } from './clients.ts'

/** Path of the module in Debian's package; other builds of nginx may include the module. */
const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so'

interface Proxy {
  /** Temporary folder of the proxy; removed with the test. */
  folder: string
}

/** @param sections - sections of the configuration; the default mode is tcp */
export function startHaproxy(scope: Scope, ports: number[], sections: (folder: string) => string): Promise<Proxy> {
  const configure = (folder: string) => `global
  maxconn 1000
  stats socket ${folder}/stats level admin
  # The test's certificate is small.
  tune.ssl.default-dh-param 2048
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
${sections(folder)}
`
  return start(scope, 'haproxy', (file) => ['-db', '-f', file], ports, configure)
}

/** @param servers - text inside `stream { }` */
export function startNginxStream(scope: Scope, ports: number[], servers: string): Promise<Proxy> {
  const load = existsSync(STREAM_MODULE) ? `load_module ${STREAM_MODULE};` : ''
  return startNginx(scope, ports, () => `stream {\n${servers}\n}`, load)
}

/** @param servers - text inside `http { }` */
export function startNginxHttp(scope: Scope, port: number, servers: string): Promise<Proxy> {
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const temporary = (folder: string) => places.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n')
  return startNginx(scope, [port], (folder) => `http {\naccess_log off;\n${temporary(folder)}\n${servers}\n}`)
}

/** @param load - first line of the configuration, which loads a module */
function startNginx(scope: Scope, ports: number[], sections: (folder: string) => string, load = ''): Promise<Proxy> {
  const configure = (folder: string) => `${load}
daemon off;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 512; }
${sections(folder)}
`
  return start(scope, 'nginx', (file, folder) => ['-p', folder, '-c', file, '-e', 'stderr'], ports, configure)
}

async function start(
  scope: Scope,
  command: string,
  args: (file: string, folder: string) => string[],
  ports: number[],
  configure: (folder: string) => string,
): Promise<Proxy> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  const file = join(folder, 'config')
  writeFileSync(file, configure(folder))
  const child = spawn(command, args(file, folder), { stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  // 'close' and not 'exit': a program that is not installed emits no 'exit'.
  const closed = once(child, 'close')
  scope.teardown(async () => {
    child.kill('SIGTERM')
    await closed
    rmSync(folder, { recursive: true, force: true })
  })
  let ended = false
  void closed.then(() => (ended = true))
  await until(`${command} listens`, () => ended || ports.every(isListening))
  if (ended) throw new Error(`${command} ended: ${output}`)
  return { folder }
}

/** Asks the kernel whether a socket listens; a connection would reach the server behind the proxy. */
function isListening(port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const listening = new RegExp(`^ *\\d+: [0-9A-F]+:${hex} \\S+ 0A `, 'm')
  return ['tcp', 'tcp6'].some((file) => listening.test(readFileSync(`/proc/net/${file}`, 'latin1')))
}
