// nginx and HAProxy in front of plain Node processes, with configurations in a temporary folder.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { plainNode, type Contender, type Setup } from './contender.ts'
import { freePort } from './free-port.ts'
import { launch, Unavailable, type Program } from './program.ts'

const folders = new Set<string>()

// The folders are removed after Ctrl-C too. The listener that ends the servers was added first, so it runs first.
process.on('exit', () => {
  for (const folder of folders) remove(folder)
})

function remove(folder: string): void {
  folders.delete(folder)
  rmSync(folder, { recursive: true, force: true })
}

type Configure = (setup: Setup, backends: readonly number[], folder: string) => string

/** Folder of the module in the packages of Debian, Alpine, Fedora and nginx.org. */
const STREAM_MODULE = ['/usr/lib/nginx/modules', '/usr/lib64/nginx/modules', '/etc/nginx/modules']
  .map((folder) => join(folder, 'ngx_stream_module.so'))
  .find((file) => existsSync(file))

export const nginxHttp = nginx('nginx-http', 'nginx http, keep-alive upstreams', ({ port }, backends) => {
  return `http {
  access_log off;
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  proxy_read_timeout 600s;
  map $http_upgrade $upstream_connection { default upgrade; '' ''; }
  upstream app {
    hash $remote_addr consistent;
${backends.map((backend) => `    server 127.0.0.1:${backend};\n`).join('')}
    keepalive 256;
    keepalive_requests 100000000;
  }
  server {
    listen [::]:${port} ipv6only=off backlog=4096;
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $upstream_connection;
    }
  }
}`
})

export const nginxStream = nginx('nginx-stream', 'nginx stream, hash', ({ port }, backends) => {
  return `stream {
  upstream app {
    hash $remote_addr consistent;
${backends.map((backend) => `    server 127.0.0.1:${backend};\n`).join('')}
  }
  server { listen [::]:${port} ipv6only=off backlog=4096; proxy_pass app; }
}`
})

function nginx(name: string, label: string, configure: Configure): Contender {
  return proxy(name, label, 'nginx', (setup, backends, folder) => {
    const block = configure(setup, backends, folder)
    const stream = block.startsWith('stream')
    // Without a file of its own the module may be part of nginx.
    const load = stream && STREAM_MODULE !== undefined ? `load_module ${STREAM_MODULE};\n` : ''
    const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    const paths = temp.map((kind) => `  ${kind}_temp_path ${folder}/${kind};\n`).join('')
    return `${load}daemon off;
worker_processes ${setup.workers};
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 8192; }
${stream ? block : block.replace('{', `{\n${paths}`)}
`
  })
}

export const haproxy = proxy('haproxy', 'HAProxy tcp, balance source', 'haproxy', ({ port, workers }, backends) => {
  return `global
  nbthread ${workers}
  maxconn 8192
defaults
  mode tcp
  timeout connect 5s
  timeout client 600s
  timeout server 600s
listen app
  bind :::${port} v4v6 backlog 4096
  balance source
${backends.map((backend, i) => `  server app${i} 127.0.0.1:${backend}\n`).join('')}`
})

function proxy(name: string, label: string, command: 'nginx' | 'haproxy', configure: Configure): Contender {
  return {
    name,
    label,
    async start(setup) {
      const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
      folders.add(folder)
      const programs: Program[] = []
      try {
        const backends: number[] = []
        for (let i = 0; i < setup.workers; i++) {
          backends.push(await freePort())
          programs.push(await plainNode({ ...setup, port: backends[i] ?? 0 }))
        }
        const file = join(folder, 'config')
        writeFileSync(file, configure(setup, backends, folder))
        const args = command === 'nginx' ? ['-p', folder, '-c', file, '-e', 'stderr'] : ['-db', '-f', file]
        await check(command, [command === 'nginx' ? '-t' : '-c', ...args])
        const front = await launch({ command, args, ready: 0 })
        programs.push({
          ...front,
          async stop() {
            await front.stop()
            remove(folder)
          },
        })
        return programs
      } catch (error) {
        await Promise.all(programs.map((program) => program.stop()))
        remove(folder)
        throw error
      }
    },
  }
}

/** @throws Unavailable if the program is missing, or was built without a feature that the configuration needs */
async function check(command: string, args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(command, args)
  } catch (error) {
    const { code, message } = error as Error & { code?: unknown }
    if (code === 'ENOENT') throw new Unavailable('not installed')
    if (message.includes('unknown directive "stream"')) throw new Unavailable('not installed: the stream module')
    throw error
  }
}
