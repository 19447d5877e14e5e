import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import t from 'tap'
import { addonEnvironment, loadLibc } from '../../src/native/libc.ts'

interface Loaded {
  closed?: number
  reason?: string
  addon?: string
}

async function loaded(env: Record<string, string>): Promise<Loaded> {
  const child = fork(new URL('../fixtures/libc.js', import.meta.url), { env: { ...process.env, ...env } })
  const [message] = (await once(child, 'message')) as [Loaded]
  return message
}

const { libc, reason } = loadLibc()
const skip = libc === undefined && reason

t.test('a worker loads the addon that its primary found', { skip }, async (t) => {
  const addon = addonEnvironment()['HOLDFAST_ADDON'] ?? ''
  t.match(addon, /koffi\.node$/)
  t.strictSame(await loaded({ HOLDFAST_ADDON: addon }), { closed: -constants.errno.EBADF, addon })
})

t.test('a worker that cannot use that addon searches for one itself', { skip }, async (t) => {
  const addon = addonEnvironment()['HOLDFAST_ADDON']
  const other = createRequire(import.meta.url).resolve(`farmhash/build/farmhash-linux-${process.arch}.node`)
  for (const wrong of ['', '/nowhere/koffi.node', other]) {
    t.strictSame(await loaded({ HOLDFAST_ADDON: wrong }), { closed: -constants.errno.EBADF, addon }, wrong)
  }
})

t.test('HOLDFAST_NATIVE=0 switches the system calls off, whatever the primary found', { skip }, async (t) => {
  const env = { ...addonEnvironment(), HOLDFAST_NATIVE: '0' }
  t.strictSame(await loaded(env), { reason: 'switched off by HOLDFAST_NATIVE=0' })
})
