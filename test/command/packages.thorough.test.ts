// The packages by which programs look for a free port and end their servers, under the command: as alone.
import http from 'node:http'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { freePort, loopback, request, until } from '../support/clients.ts'
import { startProgram } from '../support/program.ts'

const app = fileURLToPath(new URL('../fixtures/packages-app.js', import.meta.url))

const WORKERS = 2

/** The hooks that a package calls in each process, at its end. */
const HOOKS: Record<string, readonly string[]> = {
  terminus: ['onSignal', 'onShutdown'],
  'http-terminator': ['terminated'],
  stoppable: ['stopped'],
  'close-with-grace': ['closed'],
  nest: ['onModuleDestroy', 'beforeApplicationShutdown', 'onApplicationShutdown'],
  'get-port': [],
  'get-port after listen()': [],
  portfinder: [],
  'detect-port': [],
}

for (const [name, hooks] of Object.entries(HOOKS)) {
  for (const steering of name === 'stoppable' ? ['handoff', 'kernel'] : ['handoff']) {
    t.test(`${name}: a reload under load fails no request, with ${steering}`, async (t) => {
      const { port, admin, child, exited, stdout, stderr } = await start(t, name, steering)
      const load = startLoad(port)
      await until('all clients are served', () => load.answers() > 100)
      const response = await fetch(`http://127.0.0.1:${admin}/reload`, { method: 'POST' })
      t.equal(response.ok, true)
      await until('all workers are replaced', () => count(stderr(), /worker\.ready/g) === 2 * WORKERS)
      await until('all former workers have ended', () => count(stderr(), /worker\.exit/g) === WORKERS)
      const before = load.answers()
      await until('all clients are served', () => load.answers() > before + 100)
      t.strictSame(await load.stop(), [], 'no request failed')
      child.kill('SIGTERM')
      t.strictSame(await exited, { code: 0, signal: null })
      for (const hook of ['start', ...hooks]) {
        const pids = [...stdout().matchAll(new RegExp(`^hook ${hook} (\\d+)$`, 'gm'))].map(([, pid]) => pid)
        t.equal(pids.length, 2 * WORKERS, `${hook} is called in each process`)
        t.equal(new Set(pids).size, 2 * WORKERS, `${hook} is called once`)
      }
      if (name.startsWith('get-port after')) t.equal(count(stdout(), /^hook other port/gm), 2 * WORKERS)
      t.equal(count(stdout(), /^hook start on/gm), 0, 'the port was free')
      t.match(stderr(), /balancer\.closed clean=true/)
      t.strictSame(stderr().match(/^.*(error|warn|killed|code=[^0]|signal=SIGKILL).*$/gim), null, 'nothing is wrong')
    })
  }
}

function count(text: string, what: RegExp): number {
  return text.match(what)?.length ?? 0
}

async function start(t: Test, name: string, steering: string) {
  const [port, admin] = [await freePort(), await freePort()]
  const flags = ['-w', String(WORKERS), '--port', String(port), '--admin', String(admin), '--steering', steering]
  const program = startProgram(t, 'src/cli.js', [...flags, app], { FIXTURE_PACKAGE: name })
  const ended = () => program.child.exitCode !== null
  await until('it is ready', () => program.stderr().includes('balancer.ready') || ended(), 60_000)
  return { ...program, port, admin }
}

/** Clients that send one request after the other: on short connections, and on kept ones. */
function startLoad(port: number) {
  const failures: string[] = []
  let answers = 0
  const state = { isStopped: false }
  const client = async (n: number): Promise<void> => {
    const agent = n % 2 === 0 ? (false as const) : new http.Agent({ keepAlive: true, maxSockets: 1 })
    const path = n % 4 < 2 ? '/' : '/slow'
    while (!state.isStopped) {
      await request({ port, from: loopback(n), agent, path }).then(
        () => answers++,
        (error: unknown) => failures.push(`${n} ${path}: ${String(error)}`),
      )
    }
    if (agent !== false) agent.destroy()
  }
  const clients = Array.from({ length: 16 }, (_, n) => client(n))
  return {
    answers: () => answers,
    async stop(): Promise<string[]> {
      state.isStopped = true
      await Promise.all(clients)
      return failures
    },
  }
}
