import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openPathListener } from '../../src/steering/path-listener.ts'
import { realWorld } from '../../src/world.ts'

t.test('several processes may ask at a time for a path whose file is gone', async (t) => {
  // The path of a Unix socket has 107 bytes at most.
  const folder = mkdtempSync(join(tmpdir(), 'hf-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'socket')
  const listener = await openPathListener({ path }, 8, (connection) => connection.close(), realWorld)
  rmSync(path)
  await Promise.all([listener.restore?.(), listener.restore?.(), listener.restore?.()])
  t.equal(existsSync(path), true)
  const restored = listener.restore?.()
  await listener.close()
  await restored
  t.equal(existsSync(path), false)
})
