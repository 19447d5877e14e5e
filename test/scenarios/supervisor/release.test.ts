// Releases of a program behind a symbolic link: a reload runs the release that the link leads to by then.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { until } from '../../support/clients.ts'
import { startProgram, type Program } from '../../support/program.ts'

const holdfast = new URL('../../../src/index.js', import.meta.url).href

const plain = `import http from 'node:http'
http.createServer((_, response) => response.end(RELEASE + ' ' + process.cwd())).listen(process.env.PORT)`
const sticky = `import http from 'node:http'
import { stickyListen } from '${holdfast}'
const server = http.createServer((_, response) => response.end(RELEASE + ' ' + process.cwd()))
stickyListen(server, { port: 0, workers: 1, ...JSON.parse(process.env.OPTIONS ?? '{}') })`

/** How docs/deploy.md changes the link. */
const [command] = /^ln -s .*$/m.exec(readFileSync(new URL('../../../../docs/deploy.md', import.meta.url), 'utf8'))!

/** Makes two releases; the link leads to the first one. */
function releases(t: Test, program: string) {
  const folder = t.testdir({})
  for (const release of ['1', '2']) {
    mkdirSync(join(folder, release))
    writeFileSync(join(folder, release, 'app.mjs'), `const RELEASE = '${release}'\n${program}`)
    writeFileSync(join(folder, release, 'flag.cjs'), `process.env.FLAG = '${release}'`)
    writeFileSync(join(folder, release, 'holdfast.json'), '{"workers":1}')
  }
  const current = join(folder, 'current')
  symlinkSync('1', current)
  const deploy = () => {
    execFileSync('/bin/sh', ['-c', command.replaceAll('/srv/app', folder).replace('releases/2', '2')])
    rmSync(join(folder, '1'), { recursive: true })
  }
  return { folder, current, deploy }
}

async function ask(program: Program): Promise<string> {
  await until('it serves', () => program.stderr().includes('balancer.ready'), 30_000)
  const [, port] = /balancer\.ready .* port=(\d+)/.exec(program.stderr()) ?? []
  const response = await new Promise<http.IncomingMessage>((done, fail) =>
    http.get({ port, agent: false }, done).on('error', fail),
  )
  return text(response)
}

const cli = 'src/cli.js'
const flags = ['--port', '0', '--workers', '1', '--config', 'holdfast.json', '--node=--require=./flag.cjs']
const app = (current: string) => join(current, 'app.mjs')

for (const [name, source, start] of [
  [
    'the command, in the folder of the link',
    plain,
    (t: Test, current: string) => startProgram(t, cli, [...flags, 'app.mjs'], { PWD: current }, current),
  ],
  [
    'the command with --cwd',
    plain,
    (t: Test, current: string) => {
      const config = ['--config', join(current, 'holdfast.json')]
      return startProgram(t, cli, ['--port', '0', ...config, '--cwd', current, 'app.mjs'])
    },
  ],
  [
    'stickyListen, started in the folder of the link',
    sticky,
    (t: Test, current: string) => startProgram(t, app(current), [], { PWD: current }, current),
  ],
  [
    'stickyListen with the option cwd',
    sticky,
    (t: Test, current: string) => startProgram(t, app(current), [], { OPTIONS: JSON.stringify({ cwd: current }) }),
  ],
] as const) {
  t.test(`a reload runs the new release, when the old one is removed: ${name}`, async (t) => {
    const { folder, current, deploy } = releases(t, source)
    const program = start(t, current)
    t.equal(await ask(program), `1 ${join(folder, '1')}`)
    deploy()
    program.child.kill('SIGHUP')
    await until('the reload has ended', () => /reload\.(done|failed)/.test(program.stderr()), 30_000)
    t.equal(await ask(program), `2 ${join(folder, '2')}`)
  })
}

t.test('a folder that is gone fails a reload with its name, and the old processes serve on', async (t) => {
  const { folder, current } = releases(t, plain)
  const program = startProgram(t, cli, ['--port', '0', '-w', '1', '--cwd', current, 'app.mjs'])
  await ask(program)
  rmSync(current)
  program.child.kill('SIGHUP')
  await until('the reload has failed', () => program.stderr().includes('reload.failed'), 30_000)
  t.match(program.stderr(), `there is no working directory ${current}`)
  t.equal(await ask(program), `1 ${join(folder, '1')}`)
})
