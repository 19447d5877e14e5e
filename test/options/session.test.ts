import t from 'tap'
import { readSettings } from '../../src/options/settings.ts'

const read = (session: unknown) => readSettings({ workers: 1, session } as never).session

t.test('one rule, a list of rules or none', async (t) => {
  t.strictSame(read(undefined), [])
  t.strictSame(read('socket.io'), ['socket.io'])
  const rule = () => undefined
  t.strictSame(read(['socket.io', { header: 'x-user' }, { cookie: 'id', set: false }, rule]), [
    'socket.io',
    { header: 'x-user' },
    { cookie: 'id', set: false },
    rule,
  ])
})

t.test('a later change of the rules has no effect', async (t) => {
  const rule = { cookie: 'at', path: '/app', trust: ['10.0.0.0/8'] }
  const settings = read([rule])
  rule.path = '/other'
  rule.trust.push('::1')
  t.strictSame(settings, [{ cookie: 'at', path: '/app', trust: ['10.0.0.0/8'] }])
})

t.test('every attribute of the cookie', async (t) => {
  for (const attributes of [
    {},
    { set: true },
    { set: 'always' },
    { path: '/' },
    { path: '/a b/%C3%BC' },
    { domain: 'example.com' },
    { domain: '.Example.com' },
    { domain: 'localhost' },
    { domain: 'xn--bcher-kva.example' },
    { maxAge: 1_000 },
    { maxAge: 400 * 24 * 60 * 60 * 1_000 },
    { httpOnly: false },
    { sameSite: 'strict' },
    { sameSite: 'lax' },
    { sameSite: 'none' },
    { sameSite: 'none', secure: true },
    { sameSite: 'none', secure: 'auto' },
    { secure: false },
    { partitioned: true, secure: true },
    { partitioned: false, secure: false },
    { trust: ['127.0.0.1', '10.0.0.0/8', '2001:db8::/32'] },
    { path: undefined, domain: undefined, maxAge: undefined, secure: undefined, trust: undefined },
  ]) {
    t.match(read({ cookie: 'at', ...attributes }), [{ cookie: 'at' }], JSON.stringify(attributes))
  }
  for (const name of ['__Host-at', '__Secure-at', '__host-at']) {
    t.strictSame(read({ cookie: name, path: '/' }), [{ cookie: name, path: '/' }])
  }
})

/** Rules that are refused, and what the message says. */
const WRONG: [rule: unknown, message: RegExp][] = [
  [true, /session: expected 'socket\.io', \{ cookie: name \}, .+ got true; write session: \[/],
  ['cookie', /got 'cookie'/],
  [{}, /got \{\}/],
  [{ cookie: '' }, /got \{ cookie: '' \}/],
  [{ cookie: 'a b' }, /got \{ cookie: 'a b' \}/],
  [{ cookie: 'a=b' }, /got/],
  [{ cookie: 1 }, /got/],
  [{ cookie: 'at', header: 'x-user' }, /got/],
  [{ header: 'x-user', set: false }, /got/],
  [{ header: 'x-user', path: '/' }, /got/],
  [{ cookie: 'at', set: 'never' }, /session\.set: expected true, false or 'always', got 'never'; write set: 'always'/],
  [{ cookie: 'at', samesite: 'lax' }, /session: unknown option 'samesite'; did you mean 'sameSite'\?/],
  [{ cookie: 'at', expires: 1 }, /session: unknown option 'expires'/],
  [{ cookie: 'at', sameSite: 'None' }, /session\.sameSite: expected 'lax' or 'strict' or 'none', got 'None'/],
  [{ cookie: 'at', sameSite: true }, /session\.sameSite: expected .+ got true/],
  [{ cookie: 'at', sameSite: 'none', secure: false }, /session\.secure: expected true, because .+ sameSite: 'none'/],
  [{ cookie: 'at', partitioned: true, secure: false }, /session\.secure: expected true, because .+ partitioned/],
  [{ cookie: '__Secure-at', secure: false }, /session\.secure: expected true, because .+ '__Secure-/],
  [{ cookie: '__Host-at', secure: false }, /session\.secure: expected true/],
  [{ cookie: '__Host-at', domain: 'a.example' }, /session\.domain: expected undefined, because .+ '__Host-/],
  [{ cookie: '__Host-at', path: '/app' }, /session\.path: expected '\/', because .+ '__Host-/],
  [{ cookie: 'at', secure: 'yes' }, /session\.secure: expected true, false or 'auto', got 'yes'; write secure: 'auto'/],
  [{ cookie: 'at', secure: 1 }, /session\.secure: expected true, false or 'auto', got 1/],
  [{ cookie: 'at', httpOnly: 'true' }, /session\.httpOnly: expected true or false, got 'true'/],
  [{ cookie: 'at', partitioned: 1 }, /session\.partitioned: expected true or false, got 1/],
  [{ cookie: 'at', path: 'app' }, /session\.path: expected a path that begins with \/, .+ got 'app'; write path: '\/'/],
  [{ cookie: 'at', path: '/; Domain=example.com' }, /session\.path: expected/],
  [{ cookie: 'at', path: '/\r\nx: y' }, /session\.path: expected/],
  [{ cookie: 'at', path: '/ü' }, /session\.path: expected/],
  [{ cookie: 'at', path: 1 }, /session\.path: expected/],
  [{ cookie: 'at', domain: 'example.com; Secure' }, /session\.domain: expected a host name, got/],
  [{ cookie: 'at', domain: 'https://example.com' }, /session\.domain: expected a host name/],
  [{ cookie: 'at', domain: 'example.com:3000' }, /session\.domain: expected a host name/],
  [{ cookie: 'at', domain: '' }, /session\.domain: expected a host name/],
  [{ cookie: 'at', domain: '*.example.com' }, /session\.domain: expected a host name/],
  [{ cookie: 'at', maxAge: 999 }, /session\.maxAge: expected an integer from 1000 to/],
  [{ cookie: 'at', maxAge: '1d' }, /session\.maxAge: expected an integer from 1000 to/],
  [{ cookie: 'at', maxAge: 1_500.5 }, /session\.maxAge: expected an integer/],
  [{ cookie: 'at', maxAge: Infinity }, /session\.maxAge: expected an integer/],
  [{ cookie: 'at', trust: '10.0.0.0/8' }, /session\.trust: expected an array of strings/],
  [{ cookie: 'at', trust: ['proxy.example'] }, /session\.trust: expected addresses and CIDR networks, got 'proxy/],
  [
    { cookie: 'id', set: false, path: '/' },
    /session\.path: expected undefined, because the application sets the cookie/,
  ],
  [
    { cookie: 'id', set: false, sameSite: 'lax' },
    /session\.sameSite: expected undefined, because the application sets/,
  ],
]

for (const [rule, message] of WRONG) {
  t.test(`a rule is refused: ${JSON.stringify(rule)}`, async (t) => {
    t.throws(() => read(rule), { code: 'HOLDFAST_BAD_OPTION', message })
    t.throws(() => read(['socket.io', rule]), { code: 'HOLDFAST_BAD_OPTION', message })
  })
}
