import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const list = (folder: string, ending: string) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith(ending))
        .map((file) => join(folder, file))
    : []

const internals = read('docs/internals.md')
const source = list('src', '.ts').map(read).join('\n')

/** The first column of the table under a heading, without the code marks. */
function firstColumn(heading: string): string[] {
  const [, section = ''] = internals.split(`\n## ${heading}\n`)
  return [...section.split('\n## ')[0]!.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name!)
}

t.test('docs/internals.md lists every log event that the code writes, and no other', async (t) => {
  const logged = [...source.matchAll(/(?:log|[lL]ogger)(?:\[\w+\])?\??(?:\.\w+)?\(\s*'([a-z]+\.[a-z-]+)'/g)]
  t.strictSame(firstColumn('Log events').toSorted(), [...new Set(logged.map(([, name]) => name!))].toSorted())
})

t.test('docs/internals.md lists every message', async (t) => {
  const messages = [...read('src/ipc/messages.ts').matchAll(/^ {2}\| \(?\{ type: '([\w-]+)'/gm)].map(
    ([, name]) => name!,
  )
  t.ok(messages.length > 5)
  t.strictSame(firstColumn('Messages').toSorted(), messages.toSorted())
})

t.test('docs/internals.md has every folder of src', async (t) => {
  const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  t.strictSame(firstColumn('Folders').toSorted(), folders.map(({ name }) => `${name}/`).toSorted())
})

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

/** The names that headings have as links. */
function anchors(file: string): string[] {
  return [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )
}
