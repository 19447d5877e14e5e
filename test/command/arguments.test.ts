import t from 'tap'
import { asUsage, flagged, flagsAfterProgram, readArguments, usage, UsageError } from '../../src/command/arguments.ts'
import type { Run } from '../../src/command/arguments.ts'
import { readSettings } from '../../src/options/settings.ts'

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
      watch: undefined,
      flags: {
        port: '8080',
        workers: '4',
        standby: '1',
        admin: '0',
        host: '::1',
        steering: 'kernel',
        balance: 'round-robin',
        session: [{ cookie: 'seat' }, { header: 'x-user' }, { cookie: 'id', set: false }],
        proxyProtocol: { trust: ['10.0.0.0/8'] },
      },
    },
  )
  const plain = {
    command: 'run',
    program: 'app.js',
    args: ['a'],
    nodeArgs: [],
    config: undefined,
    watch: undefined,
    flags: {},
  }
  t.strictSame(readArguments(['app.js', 'a']), plain)
  t.strictSame(readArguments(['run', 'app.js', 'a']), plain)
  t.strictSame(readArguments(['--', 'app.js', 'a']), plain)
  t.match(readArguments(['-w', '2', 'run', 'app.js', '-w', '3']), { args: ['-w', '3'], flags: { workers: '2' } })
  t.match(readArguments(['run', '-w', '2', 'app.js', '-w', '3']), { args: ['-w', '3'], flags: { workers: '2' } })
})

t.test('--watch takes no value, and --watch-path means --watch', async (t) => {
  t.match(readArguments(['--watch', 'app.js']), { program: 'app.js', watch: { paths: [] } })
  t.match(readArguments(['--watch-path', 'a', '--watch-path=b', 'app.js']), { watch: { paths: ['a', 'b'] } })
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
    t.strictSame(readArguments(args), { command: 'scale', admin: 80, workers: 4, json: false })
  }
})

t.test('--admin without a port means the default port, before a program and behind a command', async (t) => {
  t.match(readArguments(['--admin', 'app.js']), { program: 'app.js', flags: { admin: '9464' } })
  t.match(readArguments(['--admin', '-w', '2', 'app.js']), {
    program: 'app.js',
    flags: { admin: '9464', workers: '2' },
  })
  t.match(readArguments(['--admin', '80', 'app.js']), { program: 'app.js', flags: { admin: '80' } })
  t.match(readArguments(['run', '--admin', 'app.js', '--admin']), { args: ['--admin'], flags: { admin: '9464' } })
  t.match(readArguments(['status', '--admin']), { admin: 9464 })
  t.match(readArguments(['scale', '4', '--admin', '--json']), { admin: 9464, workers: 4, json: true })
})

/** What the command says about a command line, read together with all other options. */
function complaint(line: string): Error {
  try {
    const { flags } = readArguments(line.split(' ').filter(Boolean)) as Run
    asUsage(() => readSettings(flags, 'options', flagged(flags)))
  } catch (error) {
    return error as Error
  }
  throw new Error(`no complaint about: ${line}`)
}

/** Each message names the flag, and ends with what to write. */
const complaints: [line: string, message: string][] = [
  ['', 'no program is named; write holdfast app.js'],
  ['--prot 1 app.js', 'unknown flag --prot; did you mean --port?'],
  ['-x app.js', 'unknown flag -x'],
  ['--port', '--port: expected a value, got nothing; write --port 3000'],
  ['--port --workers 2 app.js', '--port: expected a value, got the flag --workers; write --port 3000'],
  ['--host -w app.js', '--host: expected a value, got the flag -w; write --host 127.0.0.1'],
  ['--port x app.js', "--port: expected an integer from 0 to 65535, got 'x'; write --port 3000"],
  ['-p 70000 app.js', "--port: expected an integer from 0 to 65535, got '70000'; write --port 3000"],
  ['--port= app.js', "--port: expected an integer from 0 to 65535, got ''; write --port 3000"],
  ['--workers x app.js', "--workers: expected an integer from 1 to 256, got 'x'; write --workers 4"],
  ['--workers 1.5 app.js', "--workers: expected an integer from 1 to 256, got '1.5'; write --workers 4"],
  ['-w 257 app.js', "--workers: expected an integer from 1 to 256, got '257'; write --workers 4"],
  ['-w -1 app.js', "--workers: expected an integer from 1 to 256, got '-1'; write --workers 4"],
  ['--standby -1 app.js', "--standby: expected an integer from 0 to 256, got '-1'; write --standby 1"],
  ['--admin -1 app.js', "--admin: expected an integer from 0 to 65535, got '-1'; write --admin 9464"],
  ['--admin 99999 app.js', "--admin: expected an integer from 0 to 65535, got '99999'; write --admin 9464"],
  ['--port 80 --admin 80 app.js', '--admin: expected another port than the clients have, got 80; write --admin 9464'],
  ['--host a/b app.js', "--host: expected an address or a name to listen on, got 'a/b'; write --host 127.0.0.1"],
  [
    '--steering magic app.js',
    "--steering: expected 'handoff' or 'kernel' or 'auto', got 'magic'; write --steering auto",
  ],
  [
    '--balance fair app.js',
    "--balance: expected 'address' or 'round-robin' or 'least-connections', got 'fair'; write --balance round-robin",
  ],
  [
    '--session seat app.js',
    "--session: expected cookie:NAME, own-cookie:NAME or header:NAME, got 'seat'; write --session cookie:worker",
  ],
  [
    '--session header:a:b app.js',
    "--session: expected cookie:NAME, own-cookie:NAME or header:NAME, got { header: 'a:b' }; write --session cookie:worker",
  ],
  ['--trust proxy app.js', "--trust: expected addresses and CIDR networks, got 'proxy'; write --trust 10.0.0.0/8"],
  ['--cwd', '--cwd: expected a value, got nothing; write --cwd /srv/app/current'],
  ['--config', '--config: expected a value, got nothing; write --config holdfast.mjs'],
  ['--cwd', '--cwd: expected a value, got nothing; write --cwd /srv/app/current'],
  ['--node', '--node: expected a value, got nothing; write --node --max-old-space-size=512'],
  ['--watch=yes app.js', '--watch has no value; write --watch'],
  ['--watch-path', '--watch-path: expected a value, got nothing; write --watch-path views'],
  ['reload --watch', '--watch works only when a program is started; write holdfast reload'],
  ['--json app.js', '--json works only with holdfast status'],
  ['--json=yes app.js', '--json has no value; write --json'],
  ['scale', 'wrong number of arguments; write holdfast scale 4'],
  ['scale 4 5', 'wrong number of arguments; write holdfast scale 4'],
  ['scale 0', "scale: expected an integer from 1 to 256, got '0'; write holdfast scale 4"],
  ['scale x', "scale: expected an integer from 1 to 256, got 'x'; write holdfast scale 4"],
  ['scale 999', "scale: expected an integer from 1 to 256, got '999'; write holdfast scale 4"],
  ['scale --workers 4', '--workers works only when a program is started; write holdfast scale 4'],
  ['status 4', 'wrong number of arguments; write holdfast status'],
  ['reload --workers 2', '--workers works only when a program is started; write holdfast reload'],
  ['status --admin 9999999', "--admin: expected an integer from 1 to 65535, got '9999999'; write --admin 9464"],
  ['status --admin=x', "--admin: expected an integer from 1 to 65535, got 'x'; write --admin 9464"],
  ['reload --admin 0', "--admin: expected an integer from 1 to 65535, got '0'; write --admin 9464"],
  ['status --sjon', 'unknown flag --sjon; did you mean --json?'],
]

t.test(
  'an invalid command line is refused with the flag, what was expected, what came and what to write',
  async (t) => {
    for (const [line, message] of complaints) t.strictSame(complaint(line), new UsageError(message), line)
  },
)

t.test('every flag with a value is in the table above', async (t) => {
  const flags = [...usage().matchAll(/--([a-z]+)[ =](?=[A-Z])/g)].map(([, name]) => name!)
  for (const name of new Set(flags))
    t.ok(
      complaints.some(([, text]) => text.startsWith(`--${name}: `)),
      name,
    )
})

t.test('the value of --node is a flag', async (t) => {
  const nodeArgs = ['--max-old-space-size=512']
  t.match(readArguments(['--node', '--max-old-space-size=512', 'app.js']), { nodeArgs })
  t.match(readArguments(['--node=--max-old-space-size=512', 'app.js']), { nodeArgs })
})

t.test('flags of the command among the arguments of the program are found', async (t) => {
  for (const [args, found] of [
    ['--admin', '--admin'],
    ['--admin 9000 file', '--admin 9000'],
    ['start -w 2 --port=80', '-w 2 --port=80'],
    ['--watch x', '--watch'],
    ['--help --version --json -v', ''],
    ['--verbose --quiet x', ''],
    ['-- --port 80', ''],
    ['', ''],
  ] as const) {
    t.equal(flagsAfterProgram(args.split(' ').filter(Boolean)).join(' '), found, args)
  }
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
