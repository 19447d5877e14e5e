// HAProxy of the demo's own: on loopback, with a configuration of ten lines.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { StickyError } from 'holdfast'
import { MissingProgram, startCompanion } from '../support/companion.ts'
import type { Flags } from '../support/flags.ts'

const install = 'install it (apt-get install haproxy, brew install haproxy)'

/** @throws MissingProgram */
export async function haproxyVersion(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('haproxy', ['-v'])
    return /version (\d+(?:\.\d+)+)/.exec(stdout)?.[1] ?? 'of an unknown version'
  } catch (error) {
    throw new MissingProgram(`haproxy is not installed; ${install}`, { cause: error })
  }
}

/** The port of the flags or, where none was insisted on, the first free one after it: HAProxy can not choose itself. */
export async function portFor({ port: wanted, fixedPort }: Flags): Promise<number> {
  for (let port = wanted; ; port++) {
    const probe = net.createServer().listen(port, '127.0.0.1')
    try {
      await once(probe, 'listening')
      return (probe.address() as net.AddressInfo).port
    } catch (error) {
      if (fixedPort || port >= Math.min(wanted + 20, 65535)) {
        throw new StickyError('HOLDFAST_PORT_IN_USE', `port ${port}, meant for HAProxy; choose another one`, error)
      }
      console.log(`Port ${port} is taken, trying ${port + 1}.`)
    } finally {
      probe.close()
    }
  }
}

/** @param app - the port behind it */
export function startHaproxy(port: number, app: number): ReturnType<typeof startCompanion> {
  const configuration = (folder: string) => `global
  maxconn 1000
  stats socket ${folder}/stats level user
defaults
  mode tcp
  timeout connect 5s
  # An idle WebSocket has to last.
  timeout client 60s
  timeout server 60s
listen holdfast
  bind 127.0.0.1:${port}
  server app 127.0.0.1:${app} send-proxy-v2
`
  return startCompanion({
    command: 'haproxy',
    install,
    args(folder) {
      writeFileSync(join(folder, 'haproxy.cfg'), configuration(folder))
      return ['-db', '-f', join(folder, 'haproxy.cfg')]
    },
    // It opens all its sockets, and only then serves any. Asking this one bothers no application.
    isUp: (folder) => accepts(join(folder, 'stats')),
  })
}

async function accepts(path: string): Promise<boolean> {
  const socket = net.connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false // not yet
  } finally {
    socket.destroy()
  }
}
