import t from 'tap'
import { readArguments, usage, UsageError } from '../../src/command/arguments.ts'

t.test('options before the program belong to the command, everything behind it belongs to the program', async (t) => {
  t.strictSame(
    readArguments(
      (
        '-p 8080 --workers=4 --host ::1 --steering kernel --standby 1 --admin 0 --balance round-robin -c more.json ' +
        '--session cookie:seat --session header:x-user --session own-cookie:id --trust 10.0.0.0/8 ' +
        '--node=--import=tsx app.js --port 1 -x -- y'
      ).split(' '),
    ),
    {
      command: 'run',
      program: 'app.js',
      args: ['--port', '1', '-x', '--', 'y'],
      nodeArgs: ['--import=tsx'],
      config: 'more.json',
      flags: {
        port: 8080,
        workers: 4,
        standby: 1,
        admin: 0,
        host: '::1',
        steering: 'kernel',
        balance: 'round-robin',
        session: [{ cookie: 'seat' }, { header: 'x-user' }, { cookie: 'id', set: false }],
        proxyProtocol: { trust: ['10.0.0.0/8'] },
      },
    },
  )
  const plain = { command: 'run', program: 'app.js', args: ['a'], nodeArgs: [], config: undefined, flags: {} }
  t.strictSame(readArguments(['app.js', 'a']), plain)
  t.strictSame(readArguments(['run', 'app.js', 'a']), plain)
  t.strictSame(readArguments(['--', 'app.js', 'a']), plain)
  t.match(readArguments(['-w', '2', 'run', 'app.js', '-w', '3']), { args: ['-w', '3'], flags: { workers: 2 } })
  t.match(readArguments(['run', '-w', '2', 'app.js', '-w', '3']), { args: ['-w', '3'], flags: { workers: 2 } })
})

t.test('status, reload and scale connect to the admin interface', async (t) => {
  const admin = 9464
  t.strictSame(readArguments(['status']), { command: 'status', admin, workers: undefined, json: false })
  for (const args of [
    ['status', '--json', '--admin', '80'],
    ['--admin', '80', 'status', '--json'],
  ]) {
    t.strictSame(readArguments(args), { command: 'status', admin: 80, workers: undefined, json: true })
  }
  t.strictSame(readArguments(['reload']), { command: 'reload', admin, workers: undefined, json: false })
  for (const args of [
    ['scale', '4', '--admin=80'],
    ['scale', '--admin', '80', '4'],
  ]) {
    t.strictSame(readArguments(args), { command: 'scale', admin: 80, workers: '4', json: false })
  }
})

t.test('an invalid command line is refused with what to write', async (t) => {
  for (const [args, message] of [
    [[], /write holdfast app\.js/],
    [['--prot', '1', 'app.js'], /--prot/],
    [['--port'], /--port/],
    [['--port', 'x', 'app.js'], /--port: expected a whole number, got 'x'/],
    [['--workers', '-1', 'app.js'], /--workers/],
    [['--session', 'seat', 'app.js'], /--session: expected cookie:NAME/],
    [['--json', 'app.js'], /holdfast status/],
    [['scale'], /write holdfast scale 4/],
    [['scale', '4', '5'], /write holdfast scale 4/],
    [['status', '4'], /write holdfast status/],
    [['reload', '--workers', '2'], /--workers works only/],
    [['status', '--admin', 'x'], /--admin/],
  ] as const) {
    t.throws(() => readArguments(args), { name: 'UsageError', message }, args.join(' '))
  }
  t.ok(new UsageError('x') instanceof Error)
})

t.test('help and version win over everything else', async (t) => {
  t.strictSame(readArguments(['--help']), { command: 'help' })
  t.strictSame(readArguments(['-h', '--workers', '0', 'app.js']), { command: 'help' })
  t.strictSame(readArguments(['-v']), { command: 'version' })
  t.strictSame(readArguments(['status', '--help']), { command: 'help' })
  t.strictSame(readArguments(['scale', '4', '-v']), { command: 'version' })
  t.match(readArguments(['run', 'status']), { command: 'run', program: 'status' })
  t.match(readArguments(['app.js', '--help']), { command: 'run', args: ['--help'] })
  for (const line of usage().split('\n')) t.ok(line.length <= 120, line)
})
