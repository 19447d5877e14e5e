import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { TRANSITIONS, type Phase } from '../../src/supervisor/worker-phases.ts'
import { COMMON, ENTRY, list, PROCESSES, read, root, roomImports, rooms } from './rooms.ts'

const PAGE = 'docs/architecture.md'
const TO_REFRESH = 'run npm run graph'
const page = read(PAGE)
const phases = Object.keys(TRANSITIONS) as Phase[]

/** The cells of each row of the table whose first heading is `first`. */
function table(first: string): string[][] {
  const [, rows = ''] = new RegExp(`^\\| ${first} +\\|.*\n\\|[ |-]+\n((?:\\|.*\n)*)`, 'm').exec(page) ?? []
  return rows
    .trimEnd()
    .split('\n')
    .map((row) => row.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()))
}

/** The files of src/ to which the links in a cell lead. */
function linked(cell: string): string[] {
  return [...cell.matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => join(dirname(PAGE), target))
}

t.test('the table of rooms has every folder of src, its process, and the rooms that it imports', async (t) => {
  const rows = table('room')
  const named = rows.map(([room = '']) => /`([^`/]+)\/?`/.exec(room)?.[1] ?? '')
  t.strictSame(named.toSorted(), [ENTRY, ...rooms()].toSorted())
  const imports = roomImports()
  for (const [i, [, process, , mayImport = '']] of rows.entries()) {
    const room = named[i]!
    const isOf = (which: keyof typeof PROCESSES): boolean => PROCESSES[which].some((one) => one === room)
    t.equal(process, isOf('primary') ? 'primary' : isOf('worker') ? 'worker' : 'both', `the process of ${room}`)
    t.strictSame(mayImport === '-' ? [] : mayImport.split(', '), imports.get(room), `what ${room} imports`)
  }
})

t.test('the drawing shows the current imports between the rooms', async (t) => {
  const picture = read('docs/architecture.svg').replaceAll('&#45;', '-').replaceAll('&gt;', '>')
  const arrows = [...picture.matchAll(/<title>src\/([^<]+)->src\/([^<]+)<\/title>/g)]
  const drawn = new Map<string, string[]>()
  for (const [, from = '', to = ''] of arrows) drawn.set(from, [...(drawn.get(from) ?? []), to])
  const imports = roomImports()
  for (const [from, to] of [...drawn].flatMap(([from, all]) => all.map((to) => [from, to] as const))) {
    t.ok(imports.get(from)?.includes(to), `${from} -> ${to} is drawn, and no import; ${TO_REFRESH}`)
  }
  const leadsTo = (from: string, wanted: string, seen = new Set<string>()): boolean => {
    if (seen.has(from)) return false
    seen.add(from)
    return (drawn.get(from) ?? []).some((to) => to === wanted || leadsTo(to, wanted, seen))
  }
  for (const [from, all] of imports) {
    if (COMMON.includes(from)) continue
    for (const to of all)
      t.ok(leadsTo(from, to), `${from} -> ${to} is an import, and no arrows lead there; ${TO_REFRESH}`)
  }
})

t.test('the life of a worker is drawn as the table of transitions says', async (t) => {
  const [, drawing = ''] = /```mermaid\nstateDiagram-v2\n {2}direction LR\n(.*?)```/s.exec(page) ?? []
  t.strictSame(drawing.trimEnd().split('\n'), ['  [*] --> idle', ...phases.flatMap(arrows)])
})

/** The arrows from a phase, one per target, without the two events that the page describes in words. */
function arrows(phase: Phase): string[] {
  const events = Object.entries(TRANSITIONS[phase]).filter(([event]) => event !== 'stop' && event !== 'dismiss')
  const targets = [...new Set(events.map(([, { to }]) => to))]
  return targets.map((target) => {
    const leading = events.filter(([, { to }]) => to === target).map(([event]) => event)
    return `  ${phase} --> ${target}: ${leading.join(', ')}`
  })
}

t.test('stop and dismiss lead to the phases that the page names', async (t) => {
  for (const phase of phases) {
    const { stop, dismiss } = TRANSITIONS[phase]
    t.equal(stop?.to, phase === 'stopped' ? undefined : 'stopped', `stop in ${phase}`)
    const isOver = phase === 'idle' || phase === 'dismissed' || phase === 'stopped'
    t.equal(dismiss?.to, isOver ? undefined : 'dismissed', `dismiss in ${phase}`)
  }
})

const [toWorker = '', toPrimary = ''] = read('src/ipc/messages.ts').split('export type ToPrimary')

for (const [direction, union] of [
  ['primary to worker', toWorker],
  ['worker to primary', toPrimary],
] as const) {
  t.test(`the table of messages from ${direction} names every message`, async (t) => {
    const types = [...union.matchAll(/^ {2}\| \(?\{ type: '([\w-]+)'/gm)].map(([, type]) => type!)
    t.ok(types.length > 5)
    t.strictSame(
      messages(direction)
        .map(({ type }) => type)
        .toSorted(),
      types.toSorted(),
    )
  })
}

t.test('the tables of messages name every file that handles one', async (t) => {
  const rows = [...messages('primary to worker'), ...messages('worker to primary')]
  for (const file of rows.flatMap(({ senders, handlers }) => [...senders, ...handlers]))
    t.ok(existsSync(join(root, file)), file)
  for (const type of new Set(rows.map((row) => row.type))) {
    const handles = new RegExp(`hannel(?:\\(\\))?\\.on\\('${type}'`)
    const files = list('src', '.ts').filter((file) => handles.test(read(file)))
    const named = rows.filter((row) => row.type === type).flatMap(({ handlers }) => handlers)
    t.strictSame(named.toSorted(), files.toSorted(), type)
  }
})

/** The rows of a table of messages, without the bare numbers of connections. */
function messages(direction: string): { type: string; senders: string[]; handlers: string[] }[] {
  return table(direction)
    .filter(([type]) => type !== 'a number')
    .map(([type = '', sender = '', handler = '']) => ({
      type: type.replaceAll('`', ''),
      senders: linked(sender),
      handlers: linked(handler),
    }))
}
