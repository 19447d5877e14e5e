import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { list, read, root } from './rooms.ts'

const source = list('src', '.ts').map(read).join('\n')

t.test('docs/logs.md lists every log event that the code writes, and no other', async (t) => {
  const logged = [...source.matchAll(/(?:log|[lL]ogger)(?:\[\w+\])?\??(?:\.\w+)?\(\s*'([a-z]+\.[a-z-]+)'/g)]
  const listed = logEvents().map(({ event }) => event)
  t.strictSame(listed.toSorted(), [...new Set(logged.map(([, name]) => name!))].toSorted())
})

t.test('docs/logs.md has the level of each event', async (t) => {
  for (const { event, level } of logEvents()) {
    const written = [...source.matchAll(new RegExp(`\\.(debug|info|warn|error)\\(\\s*'${event}'`, 'g'))]
    for (const [, one] of written) t.equal(level, one, event)
  }
})

/** The rows of all tables of docs/logs.md. */
function logEvents(): { event: string; level: string }[] {
  const rows = [...read('docs/logs.md').matchAll(/^\| `([a-z]+\.[a-z-]+)` +\| ([a-z, ]+?) +\|/gm)]
  return rows.map(([, event = '', level = '']) => ({ event, level }))
}

t.test('every link leads somewhere', async (t) => {
  const pages = [
    ...readdirSync(root).filter((file) => file.endsWith('.md')),
    ...list('docs', '.md'),
    ...list('demo', '.md'),
  ]
  for (const page of [...pages, 'bench/README.md'].filter((file) => existsSync(join(root, file)))) {
    for (const [, target = ''] of read(page).matchAll(/\]\((?!\w+:)([^)\s]+)\)/g)) {
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : join(dirname(page), path)
      t.ok(existsSync(join(root, file)), `${page}: ${target}`)
      if (anchor !== undefined) t.ok(anchors(file).includes(anchor), `${page}: ${target}`)
    }
  }
})

/** Words for persons. Write the noun: the worker, the client, an operator, a user. */
const PERSONS = /\b(?:who|whoever|whom|whose|nobody|somebody|anybody|everybody)\b/gi

t.test('the docs speak of things as things', async (t) => {
  const single = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'bench/README.md']
  const pages = [...single, ...list('docs', '.md'), ...list('demo', 'README.md')]
  for (const page of pages.filter((file) => existsSync(join(root, file)))) {
    const lines = withoutCode(read(page)).split('\n')
    const found = lines.flatMap((line, i) => [...line.matchAll(PERSONS)].map(([word]) => `line ${i + 1}: ${word}`))
    t.strictSame(found, [], page)
  }
})

/** Blanks out code: fenced blocks, indented blocks, and code within a line. Lines keep their numbers. */
function withoutCode(page: string): string {
  const blank = (code: string) => code.replaceAll(/[^\n]/g, ' ')
  return page
    .replaceAll(/^(`{3,})[^]*?^\1`*$/gm, blank)
    .replaceAll(/(?<=^\n)(?: {4}.*\n?|\n)+/gm, blank)
    .replaceAll(/(`+)(?:(?!\n\n)[^`])+\1/g, blank)
}

/** The names that headings have as links. */
function anchors(file: string): string[] {
  return [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )
}
