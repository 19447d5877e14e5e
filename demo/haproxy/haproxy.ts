// Starts an HAProxy for this demo, on loopback, with a configuration of ten lines.
import { execFile, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { StickyError } from 'holdfast'
import { MissingProgram, startCompanion } from '../support/companion.ts'
import type { WantedPort } from '../support/find-port.ts'

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

/** The port of the flags or, without --port, the first free port from there on: HAProxy cannot choose a port itself. */
async function portFor({ port: wanted, fixedPort }: WantedPort): Promise<number> {
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

/**
 * Starts HAProxy on the first free port. Another process may take the port between the check and the start; then the
 * search starts again.
 *
 * @param app - port of the application
 * @param find - finds a port that seems to be free
 * @throws MissingProgram
 */
export async function startHaproxy(
  wanted: WantedPort,
  app: number,
  find = portFor,
): Promise<{ port: number; haproxy: ChildProcess }> {
  for (;;) {
    const port = await find(wanted)
    try {
      return { port, haproxy: await startOn(port, app) }
    } catch (error) {
      // The error only says that HAProxy ended, so the port is checked again.
      if (await isFree(port)) throw error
    }
  }
}

async function isFree(port: number): Promise<boolean> {
  try {
    return (await portFor({ port, fixedPort: true })) === port
  } catch (error) {
    if (error instanceof StickyError) return false
    throw error
  }
}

function startOn(port: number, app: number): Promise<ChildProcess> {
  const configuration = (folder: string) => `global
  maxconn 1000
  # Else it would share its port with another HAProxy of the same user, and each get some of the clients.
  noreuseport
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
    // HAProxy serves no socket before it listens on all of them, so an answer on any socket shows that it has the port.
    // A request to this socket does not reach the application.
    isUp: (folder) => answers(join(folder, 'stats')),
  })
}

async function answers(path: string): Promise<boolean> {
  const socket = net.connect(path)
  socket.write('show info\n')
  const answered = once(socket, 'data').then(() => true)
  const closed = once(socket, 'close').then(() => false)
  try {
    return await Promise.race([answered, closed])
  } catch {
    return false // HAProxy is not up yet
  } finally {
    socket.destroy()
  }
}
