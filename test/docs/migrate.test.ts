// Each difference that docs/migrate.md names has a test. This is the list of them; most are the tests of the room.
import t from 'tap'
import { read } from './rooms.ts'

/** By row of a table: the file of the test, and a part of its name. */
const ROWS: Record<string, Record<string, [file: string, name: string]>> = {
  'sticky-session': {
    'after a restart': ['compat/differences', 'after a restart each address has the same worker'],
    'a worker crashes': ['compat/listen', 'a crash moves no client of another worker'],
    'the program cannot start': ['compat/differences.thorough', 'given up with exit code 3'],
    'SIGTERM to the primary': ['compat/differences', 'SIGTERM to the primary lets requests finish'],
    '`server.close()` in a worker': ['compat/examples.thorough', 'the other parts of such programs work as before'],
    'the port is in use': ['compat/listen', 'a port in use ends the program'],
    "'listening' in workers": ['compat/differences', "'listening' is emitted once"],
    log: ['logger', 'an event is one line'],
    'IPv6 clients': ['affinity/address', 'an IPv6 key is the first 64 bits'],
    'stdin in workers': ['compat/differences', 'stdin is empty'],
    'other options than `workers` and `env`': ['compat/listen', 'an invalid call is refused'],
    '`Master`, a path as the port': ['compat/listen', 'an invalid call is refused'],
  },
  socketiosticky: {
    'reading requests': ['compat/cluster-sessions.thorough', 'sessions that poll on shared connections'],
    'keep-alive': ['compat/differences', 'connections are kept alive'],
    '"Session ID unknown"': ['compat/cluster-sessions.thorough', 'sessions that poll with a new connection'],
    'request bodies': ['scenarios/sessions/session-bodies', 'a body of 10 MB arrives'],
    TLS: ['compat/cluster-sessions.thorough', 'with TLS, which ends in the workers'],
    "`'least-connection'`": ['compat/cluster-primary', 'prefers the worker with the fewest open connections'],
    'no worker is ready': ['compat/cluster-ends.thorough', 'without a worker connections wait for limits.holdTimeout'],
    'a worker dies': ['compat/cluster-ends.thorough', 'a worker is stopped and killed under load'],
    'a worker hangs': ['compat/cluster-ends.thorough', 'a stuck worker gets no new connection'],
    '`worker.disconnect()`': ['compat/cluster-sessions.thorough', 'also after disconnect()'],
    '`httpServer`': ['compat/differences', "httpServer emits no 'connection'"],
    '`setupPrimary` again': ['compat/setup', 'setupPrimary may be called again'],
    '`setupWorker` again': ['compat/setup', 'setupWorker twice'],
    'the port': ['compat/cluster-primary', 'a server that listens on a path is refused'],
  },
  'sticky-cluster': {
    '`concurrency`': ['options/settings-environment', 'PORT and WEB_CONCURRENCY replace'],
    '`port` [8080]': ['options/settings', 'a number is the port'],
    '`env: (index) => ({ … })`': ['options/settings', 'settings are frozen, down to the lists'],
    '`stickycluster_worker_…`': ['ipc/role', 'the application can read its worker id'],
    '`hardShutdownDelay` [60 s]': ['docs/signals', 'a process that does not finish by the deadline is killed'],
    '`errorHandler`': ['sticky-listen', 'a port in use rejects `ready` with a code'],
    '`debug`': ['logger', 'debug lines appear only with HOLDFAST_LOG=debug'],
    '`prefix`': ['options/settings', 'an unknown option is refused'],
  },
}

const page = read('docs/migrate.md')

for (const [section, rows] of Object.entries(ROWS)) {
  t.test(`each difference to ${section} has a test`, async (t) => {
    const text = page.split(/^## /m).find(
      (part) =>
        part
          .split('\n')[0]!
          .toLowerCase()
          .replaceAll(/[^\w-]/g, '') === section,
    )!
    const [, table = ''] = /^\| *-+ *\|.*\n((?:\|.*\n)+)/m.exec(text) ?? []
    const names = table
      .trimEnd()
      .split('\n')
      .map((row) => row.split(/(?<!\\)\|/)[1]!.trim())
    t.strictSame(names.toSorted(), Object.keys(rows).toSorted())
    for (const [row, [file, name]] of Object.entries(rows)) t.match(read(`test/${file}.test.ts`), name, row)
  })
}
