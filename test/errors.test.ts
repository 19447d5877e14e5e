import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { codeOf, describe, ERROR_CODES, StickyError, type ErrorCode } from '../src/errors.ts'
import { misuse } from '../src/options/reader.ts'
import { CLOSE_REASONS } from '../src/steering/steering.ts'

const root = new URL('../../', import.meta.url)
const page = readFileSync(new URL('docs/errors.md', root), 'utf8')
const codes = Object.keys(ERROR_CODES) as ErrorCode[]

t.test('docs/errors.md has one heading per code, and no other heading', async (t) => {
  const headings = [...page.matchAll(/^## (HOLDFAST_\w+)$/gm)].map(([, code]) => code!)
  t.strictSame(headings.toSorted(), codes.toSorted())
})

t.test('each heading is followed by the sentence of the code', async (t) => {
  for (const code of codes) {
    const [first = ''] = page.split(`## ${code}\n\n`)[1]?.split('\n') ?? []
    t.equal(first.replaceAll('`', '').toLowerCase(), `${ERROR_CODES[code].toLowerCase()}.`, code)
  }
})

t.test('each section names the cause and what to do', async (t) => {
  for (const section of page.split(/^## (?=HOLDFAST_)/m).slice(1)) {
    const [code = ''] = section.split('\n')
    t.match(section, /^\*\*Cause\.\*\* /m, code)
    t.match(section, /^\*\*What to do\.\*\* /m, code)
  }
})

t.test('the table of close reasons is the one in the code', async (t) => {
  const rows = [...page.matchAll(/^\| `([\w-]+)` +\| (.+?) +\|/gm)].map(([, reason, text]) => [reason, text])
  t.strictSame(Object.fromEntries(rows), CLOSE_REASONS)
})

t.test('every code is thrown somewhere', async (t) => {
  const files = readdirSync(new URL('src', root), { recursive: true, encoding: 'utf8' })
  const sources = files.filter((file) => file.endsWith('.ts') && file !== 'errors.ts')
  const text = sources.map((file) => readFileSync(new URL(`src/${file}`, root), 'utf8')).join('\n')
  for (const code of codes) t.match(text, `'${code}'`, code)
})

t.test('a StickyError has the sentence of its code, the details and the cause', async (t) => {
  const cause = new Error('listen EADDRINUSE')
  const error = new StickyError('HOLDFAST_PORT_IN_USE', 'port 3000; stop it', cause)
  t.match(error, { name: 'StickyError', code: 'HOLDFAST_PORT_IN_USE', cause })
  t.equal(error.message, 'another process listens on the port: port 3000; stop it')
  t.ok(error instanceof Error)
  const bare = new StickyError('HOLDFAST_CLOSED')
  t.equal(bare.message, ERROR_CODES.HOLDFAST_CLOSED)
  t.notOk('cause' in bare)
})

t.test('misuse is a TypeError or RangeError with code HOLDFAST_BAD_OPTION', async (t) => {
  t.match(misuse(TypeError, 'no'), { name: 'TypeError', code: 'HOLDFAST_BAD_OPTION', message: 'no' })
  t.match(misuse(RangeError, 'no'), { name: 'RangeError', code: 'HOLDFAST_BAD_OPTION', message: 'no' })
})

t.test('every thrown value has a text, and an error may have a code', async (t) => {
  t.equal(describe(new Error('broken')), 'broken')
  t.equal(describe('a string'), 'a string')
  t.equal(describe(undefined), 'undefined')
  t.equal(codeOf(Object.assign(new Error('x'), { code: 'EADDRINUSE' })), 'EADDRINUSE')
  t.equal(codeOf(new Error('x')), undefined)
  t.equal(codeOf({ code: 'EADDRINUSE' }), undefined)
})
