import t from 'tap'
import { programHint } from '../../src/command/program-hint.ts'

t.test('a program that is no file gets a hint with the file to write', async (t) => {
  const folder = t.testdir({
    'package.json': JSON.stringify({
      scripts: { start: 'node --enable-source-maps server.js --its own', dev: 'node watch.js', build: 'next build' },
    }),
    'server.js': '',
    site: { 'index.js': '' },
    empty: {},
    node_modules: { '.bin': { next: '' } },
  })
  for (const [line, hint] of [
    ['npm start', 'write holdfast server.js, the file that `npm start` starts'],
    ['npm run dev', 'write holdfast watch.js, the file that `npm run dev` starts'],
    ['pnpm build', 'write holdfast app.js with the file that `pnpm build` starts'],
    ['yarn', 'write holdfast server.js, the file that `yarn` starts'],
    ['npx next start', 'write holdfast app.js with the file that `npx next start` starts'],
    ['tsx app.ts', 'write holdfast app.ts'],
    ['node app.js --own', 'holdfast starts node itself; write holdfast app.js --own'],
    ['node', 'holdfast starts node itself; write holdfast app.js'],
    [
      'node --enable-source-maps app.js',
      'holdfast starts node itself; write holdfast --node=--enable-source-maps app.js',
    ],
    ['next start', 'write holdfast node_modules/.bin/next start'],
    ['server', 'write holdfast server.js'],
    ['site', 'it is a folder; write holdfast site/index.js'],
    ['empty', 'it is a folder; write holdfast empty/app.js'],
    ['nowhere.js', 'write holdfast app.js with the path of the file'],
  ] as const) {
    const [program = '', ...args] = line.split(' ')
    t.equal(programHint(program, args, folder), hint, line)
  }
  t.equal(
    programHint('npm', ['start'], t.testdirName + '/empty'),
    'write holdfast app.js with the file that `npm start` starts',
    'without a package.json',
  )
})
