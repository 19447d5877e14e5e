// What runs unchanged in a simulator takes time, chance and timers from outside only, and comments speak plainly.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { realWorld } from '../src/world.ts'

const src = fileURLToPath(new URL('../../src/', import.meta.url))

/** The lines of all files in these folders of src, or of all of src. */
function linesOf(...folders: string[]): { where: string; line: string }[] {
  return (folders.length === 0 ? [''] : folders).flatMap((folder) =>
    readdirSync(join(src, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) =>
        readFileSync(join(src, folder, file), 'utf8')
          .split('\n')
          .map((line, i) => ({ where: `${join(folder, file)}:${i + 1}`, line })),
      ),
  )
}

const isComment = (line: string) => /^\s*(\/\/|\/?\*)/.test(line)

/** A call of a global, not of a member: `setTimeout(…)`, but not `world.setTimeout(…)` or a method of that name. */
const GLOBAL_TIMERS = /(?<![.#\w])(?:set|clear)(?:Timeout|Interval|Immediate)\([^:]*$/
const GLOBALS = /\b(?:performance\.now|Date\.now|Math\.random)\(|from 'node:(?:timers|perf_hooks|crypto)/

t.test('steering, supervisor, primary, sessions and transport take time and chance from the world', async (t) => {
  const rooms = linesOf('steering', 'supervisor', 'primary', 'sessions', 'transport')
  const found = rooms.filter(({ line }) => !isComment(line) && (GLOBALS.test(line) || GLOBAL_TIMERS.test(line)))
  // StreamSocket has a method of that name, as net.Socket does.
  const own = found.filter(({ line }) => !/^ {2}setTimeout\(\w+: number/.test(line))
  t.strictSame(own, [])
})

t.test('no comment speaks of things as persons', async (t) => {
  const persons = /\b(?:who|whoever|whom|nobody|somebody|anybody|everybody)\b/i
  t.strictSame(
    linesOf().filter(({ line }) => isComment(line) && persons.test(line)),
    [],
  )
})

t.test("the real world's clock does not go back, and its timers run", async (t) => {
  const before = realWorld.now()
  await new Promise<void>((done) => void realWorld.setTimeout(done, 1))
  await new Promise<void>((done) => void realWorld.setImmediate(done))
  t.ok(realWorld.now() >= before)
  const luck = realWorld.random()
  t.ok(luck >= 0 && luck < 1)
  t.equal(realWorld.randomBytes(5).length, 5)
})
