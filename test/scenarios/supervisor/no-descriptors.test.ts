import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const fixture = fileURLToPath(new URL('../../fixtures/no-descriptors.js', import.meta.url))

t.test('a primary without descriptors survives a failed start, and the check for free descriptors', async (t) => {
  const shell = ['-c', 'ulimit -n 60; exec "$0" "$1"', process.execPath, fixture]
  const primary = spawn('sh', shell, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(primary, 'exit')
  t.match(await text(primary.stdout), /^pid: -1\n.*EMFILE\nroom: false\n$/)
  t.strictSame(await exited, [0, null])
})
