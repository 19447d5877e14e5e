import * as fc from 'fast-check'
import t from 'tap'
import {
  firstFound,
  identityText,
  ownerIn,
  sessionId,
  SID_RANDOM,
  type ProcessIdentity,
  type SessionRequest,
  type SessionRule,
} from '../../src/affinity/session.ts'

const identities = fc.record({ worker: fc.nat({ max: 255 }), instance: fc.nat({ max: 0xffffff }) })
const randoms = fc.uint8Array({ minLength: SID_RANDOM, maxLength: SID_RANDOM }).map((bytes) => Buffer.from(bytes))

t.test('a session id has the form of Engine.IO and names its process, anywhere in the query', async () => {
  fc.assert(
    fc.property(identities, randoms, fc.boolean(), (identity, random, first) => {
      const sid = sessionId(identity, random)
      const url = first ? `/socket.io/?sid=${sid}&EIO=4` : `/any/path?EIO=4&usersid=a&sid=b&t=x&sid=${sid}`
      const owner = sessionOwner({ url, headers: {} }, ['socket.io'])
      return /^[\w-]{20}$/.test(sid) && owner?.type === 'process' && same(owner.identity, identity)
    }),
  )
})

t.test('a cookie names its process, among other cookies and in any of several lines', async () => {
  fc.assert(
    fc.property(identities, (identity) => {
      const value = identityText(identity)
      const owners = [
        sessionOwner({ headers: { cookie: `a=b; seat=${value}` } }, [{ cookie: 'seat' }]),
        sessionOwner(lines('Cookie', 'a=b', 'COOKIE', `seat=${value}; c=d`), [{ cookie: 'seat' }]),
      ]
      return value.length === 6 && owners.every((owner) => owner?.type === 'process' && same(owner.identity, identity))
    }),
  )
})

const [ended, alive, other] = [
  { worker: 1, instance: 10 },
  { worker: 2, instance: 20 },
  { worker: 3, instance: 30 },
].map((identity) => ({ identity, text: identityText(identity) })) as [Named, Named, Named]

interface Named {
  identity: ProcessIdentity
  text: string
}

/** Lines of cookies, and the process that the rule `{ cookie: 'seat' }` finds; `ended` is no process any more. */
const DUPLICATES: [name: string, lines: string[], found: Named | undefined][] = [
  ['the first of two', [`seat=${alive.text}; seat=${other.text}`], alive],
  ['after an empty one', [`seat=; seat=${alive.text}`], alive],
  ['after one without a value', [`seat; seat=${alive.text}`], alive],
  ['after one that is too short', [`seat=abc; seat=${alive.text}`], alive],
  ['after one that is too long', [`seat=${other.text}A; seat=${alive.text}`], alive],
  ['after one of other characters', [`seat=a.b/c+; seat=${alive.text}`], alive],
  ['in quotes', [`seat="${alive.text}"; seat=${other.text}`], alive],
  ['after one with half its quotes', [`seat="${other.text}; seat=${alive.text}`], alive],
  ['before one that cannot be read', [`seat=${alive.text}; seat=x`], alive],
  ['after one of an ended process', [`seat=${ended.text}; seat=${alive.text}`], alive],
  [
    'after one of an ended process and one that cannot be read',
    [`seat=${ended.text}; seat=x; seat=${alive.text}`],
    alive,
  ],
  ['in the next line', [`seat=x; a=b`, `seat=${alive.text}`], alive],
  ['in the line after one of an ended process', [`seat=${ended.text}`, `a=b; seat=${alive.text}`], alive],
  ['one of an ended process alone', [`seat=x`, `seat=${ended.text}`], ended],
  ['none that can be read', ['seat=; seat=x; Seat=AAAAAA; seatseat=AAAAAA', 'xseat=AAAAAA'], undefined],
]

for (const [name, cookies, found] of DUPLICATES) {
  t.test(`of several cookies of one name, the first one that names a process counts: ${name}`, async (t) => {
    const isAlive = ({ instance }: ProcessIdentity) => instance !== ended.identity.instance
    const lookUp = (rule: SessionRule, text: string | number) => ownerIn(rule, text, isAlive)
    const owner = found && { type: 'process', identity: found.identity }
    const inRaw = lines(...cookies.flatMap((line) => ['Cookie', line]))
    t.strictSame(firstFound(inRaw, [{ cookie: 'seat' }], lookUp), owner, 'in rawHeaders')
    const inHeaders = { headers: { cookie: cookies.join('; ') } }
    t.strictSame(firstFound(inHeaders, [{ cookie: 'seat' }], lookUp), owner, 'in headers')
  })
}

t.test("of several cookies of the application's own, the first one with a value counts", async (t) => {
  const rule = { cookie: 'id', set: false }
  for (const cookies of [['id=; id=u1; id=u2'], ['id=', 'id=u1'], ['a=b', 'id=; id', 'id=u1; id=u2']]) {
    const inRaw = lines(...cookies.flatMap((line) => ['cookie', line]))
    t.strictSame(sessionOwner(inRaw, [rule]), { type: 'key', key: 'u1' }, cookies.join(' | '))
  }
  t.equal(sessionOwner(lines('cookie', 'id=; id'), [rule]), undefined)
})

t.test('a header is found in rawHeaders and in headers, in any letter case', async (t) => {
  const key = { type: 'key', key: 'u1' }
  t.strictSame(sessionOwner({ headers: { 'x-user': 'u1' } }, [{ header: 'X-User' }]), key)
  t.strictSame(sessionOwner({ headers: { 'x-user': ['u1', 'u2'] } }, [{ header: 'x-user' }]), key)
  t.strictSame(sessionOwner({ headers: { 'x-user': ['', 'u1'] } }, [{ header: 'x-user' }]), key)
  t.strictSame(sessionOwner(lines('x-usER', 'u1', 'X-User', 'u2'), [{ header: 'X-User' }]), key)
  t.strictSame(sessionOwner(lines('cookie', 'id=u1'), [{ cookie: 'id', set: false }]), key)
  t.equal(sessionOwner(lines('x-other', 'u1'), [{ header: 'x-user' }]), undefined)
  t.strictSame(
    sessionOwner(lines('x-user', '', 'x-user', 'u1'), [{ header: 'x-user' }]),
    key,
    'the first line that names a session',
  )
})

t.test('the first rule that finds an owner decides', async (t) => {
  const sid = sessionId({ worker: 3, instance: 7 }, Buffer.alloc(SID_RANDOM))
  const request = { url: `/?EIO=4&sid=${sid}`, headers: { 'x-user': 'u1' } }
  t.match(sessionOwner(request, ['socket.io', { header: 'x-user' }]), { type: 'process' })
  t.match(sessionOwner(request, [{ header: 'x-user' }, 'socket.io']), { type: 'key' })
  t.strictSame(sessionOwner(request, [{ cookie: 'none' }, () => undefined, () => 2]), { type: 'worker', worker: 2 })
  t.strictSame(sessionOwner(request, [() => '', () => 'a']), { type: 'key', key: 'a' })
  t.equal(sessionOwner(request, []), undefined)
})

t.test('foreign session ids and cookies have no owner, and nothing throws', async (t) => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (url, cookie) => {
      sessionOwner({ url, headers: { cookie } }, ['socket.io', { cookie: 'seat' }, { cookie: 'id', set: false }])
    }),
  )
  for (const url of [
    undefined,
    '/',
    '/?sid=abc&EIO=4',
    '/?sid=aaaaaaaaaaaaaaaaaaaa',
    '/?EIO=4&sid=%E0%A4%A',
    `/?EIO=4&asid=${'a'.repeat(20)}`,
    '/?EIO=4&sid=aaaaaaaaaa&b=aaaaaaa',
    `/?xEIO=4&sid=${'a'.repeat(20)}`,
  ]) {
    t.equal(sessionOwner({ url, headers: {} }, ['socket.io']), undefined, url ?? 'none')
  }
  t.equal(sessionOwner({ headers: { cookie: 'seat=a' } }, [{ cookie: 'seat' }]), undefined, 'too short for an identity')
})

function sessionOwner(request: SessionRequest, rules: readonly SessionRule[]) {
  return firstFound(request, rules, ownerIn)
}

function lines(...rawHeaders: string[]) {
  return { headers: {}, rawHeaders }
}

function same(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
