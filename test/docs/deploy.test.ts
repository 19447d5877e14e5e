import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import { readSettings } from '../../src/options/settings.ts'
import { freePort, request, until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { descendants, isRunning } from '../support/program.ts'

const page = readFileSync(new URL('../../../docs/deploy.md', import.meta.url), 'utf8')
const { shutdown, health } = readSettings({})

/** A snippet of docs/deploy.md. */
function snippet(language: string, mark: string): string {
  const blocks = [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
  const [, , text = ''] = blocks.find(([, kind, body]) => kind === language && body!.includes(mark)) ?? []
  return text
}

/** The number after a name in the text. */
function valueOf(text: string, name: string): number {
  return Number(new RegExp(`${name}[:=]\\s*(\\d+)`).exec(text)?.[1])
}

/** Makes a folder with the program that the page calls app.js. */
function folderWithApp(t: Test): string {
  const holdfast = new URL('../../src/index.js', import.meta.url).href
  return t.testdir({
    'package.json': '{ "type": "module" }',
    'app.js': `import http from 'node:http'
import { stickyListen } from '${holdfast}'
const sticky = stickyListen(() => http.createServer((_, response) => response.end(JSON.stringify({ pid: process.pid }))), { workers: 2 })
`,
  })
}

/** Environment as the managers set it; `node` is the Node that runs the tests. */
const environment = {
  ...process.env,
  PORT: '0',
  PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH']}`,
}

t.test('every grace period of the page is longer than the default shutdown.deadline', async (t) => {
  t.ok(valueOf(snippet('ini', 'app.service'), 'TimeoutStopSec') * 1000 > shutdown.deadline)
  t.ok(valueOf(snippet('yaml', 'services'), 'stop_grace_period') * 1000 > shutdown.deadline)
  const pod = snippet('yaml', 'Deployment')
  const preStop = Number(/preStop: .*sleep, '(\d+)'/.exec(pod)![1])
  t.ok((valueOf(pod, 'terminationGracePeriodSeconds') - preStop) * 1000 > shutdown.deadline)
  t.ok(valueOf(snippet('js', 'ecosystem'), 'kill_timeout') > shutdown.deadline)
  t.ok(valueOf(snippet('js', 'ecosystem'), 'listen_timeout') > health.readyTimeout)
})

t.test('systemd accepts the units', { skip: missing('systemd-analyze') }, async (t) => {
  const service = snippet('ini', 'app.service')
  t.ok(valueOf(service, 'FileDescriptorStoreMax') >= 256, 'and all slot sockets fit into the store')
  const folder = t.testdir({
    'app.service': service.replace('/usr/bin/node', process.execPath),
    'app.socket': snippet('ini', 'app.socket'),
  })
  for (const unit of ['app.service', 'app.socket']) {
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', join(folder, unit)], {
      encoding: 'utf8',
    })
    t.strictSame([status, stderr], [0, ''], unit)
  }
})

t.test('systemd passes the socket of a socket unit', { skip: missing('systemd-socket-activate') }, async (t) => {
  const folder = folderWithApp(t)
  const port = await freePort()
  const args = [`--listen=127.0.0.1:${port}`, '--fdname=app.socket', process.execPath, join(folder, 'app.js')]
  const program = start(t, 'systemd-socket-activate', args, folder)
  await program.printed(/Listening on/)
  // The first client starts the program, and waits until it is ready.
  t.type((await request({ port })).pid, 'number')
  await program.printed(/activation\.inherited sockets=1/)
  await program.printed(new RegExp(`balancer\\.ready address=127\\.0\\.0\\.1 family=IPv4 port=${port} `))
})

t.test('as process 1 of a container the program serves and ends as usual', { skip: cannotUnshare() }, async (t) => {
  const file = snippet('dockerfile', 'FROM')
  t.match(file, /^STOPSIGNAL SIGTERM$/m)
  const [program = '', ...args] = JSON.parse(/^CMD (.*)$/m.exec(file)![1]!) as string[]
  const folder = folderWithApp(t)
  const container = start(t, 'unshare', ['--pid', '--fork', '--mount-proc', program, ...args], folder)
  const [, port] = await container.printed(/balancer\.ready .*port=(\d+)/)
  t.type((await request({ port: Number(port) })).pid, 'number')
  const [first = 0, ...others] = descendants(container.child.pid!)
  t.match(readFileSync(`/proc/${first}/status`, 'utf8'), /^NSpid:\t\d+\t1$/m, 'it is process 1')
  t.equal(others.length, 2)
  // A worker that is killed is collected and replaced.
  process.kill(others[0]!, 'SIGKILL')
  await container.printed(/worker\.exit .*signal=SIGKILL[^]*worker\.ready/)
  t.equal(descendants(first).filter(isRunning).length, descendants(first).length, 'and no zombie stays')
  process.kill(first, 'SIGTERM')
  t.strictSame(await container.exited, [0, null])
})

t.test('PM2 starts one process, which reports to PM2 when it is ready', async (t) => {
  const module = { exports: { apps: [{}] } }
  runInNewContext(snippet('js', 'ecosystem'), { module })
  t.match(module.exports.apps, [{ exec_mode: 'fork', instances: 1, wait_ready: true, script: 'app.js' }])
})

t.test('a program that is started by hand outlives its terminal, and obeys its pid file', async (t) => {
  const folder = folderWithApp(t)
  const log = () => readFileSync(join(folder, 'app.log'), 'utf8')
  await promisify(execFile)('/bin/sh', ['-c', snippet('sh', 'nohup')], { cwd: folder, env: environment })
  const pid = Number(readFileSync(join(folder, 'app.pid'), 'utf8'))
  t.teardown(() => isRunning(pid) && process.kill(pid, 'SIGKILL'))
  await until('it is ready', () => log().includes('balancer.ready'))
  process.kill(pid, 'SIGHUP')
  await until('it has reloaded', () => log().includes('reload.done'))
  process.kill(pid, 'SIGTERM')
  await until('it has ended', () => !isRunning(pid))
  t.match(log(), 'balancer.closed clean=true')
})

/** Starts a process. @returns its output and its end */
function start(t: Test, program: string, args: readonly string[], cwd: string) {
  const child: ChildProcess = spawn(program, args, { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = once(child, 'exit')
  let output = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  t.teardown(async () => {
    for (const pid of descendants(child.pid!)) process.kill(pid, 'SIGKILL')
    child.kill('SIGKILL')
    await exited
  })
  return {
    child,
    exited,
    async printed(pattern: RegExp): Promise<RegExpExecArray> {
      await until(`${program} prints ${pattern}`, () => pattern.test(output) || child.exitCode !== null)
      const match = pattern.exec(output)
      if (match === null) throw new Error(`${program} ended before it printed ${pattern}:\n${output}`)
      return match
    },
  }
}

function cannotUnshare(): string | false {
  const { status, error, stderr } = spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true'], {
    encoding: 'utf8',
  })
  return status === 0 ? false : `no namespace for processes: ${error?.message ?? stderr.trim()}`
}
