import t from 'tap'
import {
  cookieAttributes,
  reasonForOneHost,
  reasonForSecure,
  wouldBeSent,
  type CookieRule,
} from '../../src/affinity/cookie-rule.ts'

/** Attributes of a rule, and those of the cookie over http and over https. */
const RULES: [rule: Partial<CookieRule>, http: string, https?: string][] = [
  [{}, '; Path=/; HttpOnly; SameSite=Lax', '; Path=/; HttpOnly; SameSite=Lax; Secure'],
  [{ set: 'always' }, '; Path=/; HttpOnly; SameSite=Lax', '; Path=/; HttpOnly; SameSite=Lax; Secure'],
  [{ secure: 'auto' }, '; Path=/; HttpOnly; SameSite=Lax', '; Path=/; HttpOnly; SameSite=Lax; Secure'],
  [{ secure: true }, '; Path=/; HttpOnly; SameSite=Lax; Secure'],
  [{ secure: false }, '; Path=/; HttpOnly; SameSite=Lax'],
  [{ path: '/app', secure: false }, '; Path=/app; HttpOnly; SameSite=Lax'],
  [{ domain: 'example.com', secure: false }, '; Path=/; Domain=example.com; HttpOnly; SameSite=Lax'],
  [{ maxAge: 1_000, secure: false }, '; Path=/; Max-Age=1; HttpOnly; SameSite=Lax'],
  [{ maxAge: 86_400_999, secure: false }, '; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax'],
  [{ httpOnly: false, secure: false }, '; Path=/; SameSite=Lax'],
  [{ sameSite: 'strict', secure: false }, '; Path=/; HttpOnly; SameSite=Strict'],
  [{ sameSite: 'none' }, '; Path=/; HttpOnly; SameSite=None; Secure'],
  [{ sameSite: 'none', secure: 'auto' }, '; Path=/; HttpOnly; SameSite=None; Secure'],
  [{ partitioned: true }, '; Path=/; HttpOnly; SameSite=Lax; Secure; Partitioned'],
  [{ cookie: '__Secure-at' }, '; Path=/; HttpOnly; SameSite=Lax; Secure'],
  [{ cookie: '__Host-at' }, '; Path=/; HttpOnly; SameSite=Lax; Secure'],
  [{ cookie: '__Hostat', secure: false }, '; Path=/; HttpOnly; SameSite=Lax'],
  [
    {
      path: '/a',
      domain: 'a.example',
      maxAge: 60_000,
      httpOnly: true,
      sameSite: 'none',
      secure: true,
      partitioned: true,
    },
    '; Path=/a; Domain=a.example; Max-Age=60; HttpOnly; SameSite=None; Secure; Partitioned',
  ],
]

for (const [rule, http, https = http] of RULES) {
  t.test(`the attributes of a cookie: ${JSON.stringify(rule)}`, async (t) => {
    t.equal(
      cookieAttributes({ cookie: 'at', ...rule }, () => false),
      http,
      'over http',
    )
    t.equal(
      cookieAttributes({ cookie: 'at', ...rule }, () => true),
      https,
      'over https',
    )
  })
}

t.test('the reason says which prefix of a name browsers look at', async (t) => {
  t.match(reasonForSecure({ cookie: '__Host-at' }), /'__Host-'/)
  t.match(reasonForSecure({ cookie: '__secure-a-b' }), /'__secure-'/)
  t.match(reasonForOneHost({ cookie: '__Host-a-b' }), /'__Host-'/)
  t.equal(reasonForOneHost({ cookie: '__Secure-at' }), undefined)
})

const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
const frame = { ...link, 'sec-fetch-dest': 'iframe' }
const script = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }

/** Requests, and with which values of `sameSite` a client that has the cookie sends it. */
const SITES: [name: string, method: string, headers: Record<string, string>, sent: CookieRule['sameSite'][]][] = [
  ['a client that is no browser', 'POST', {}, ['none', 'lax', 'strict']],
  ['a page of this site', 'POST', { ...script, 'sec-fetch-site': 'same-site' }, ['none', 'lax', 'strict']],
  ['an address that was typed in', 'GET', { ...link, 'sec-fetch-site': 'none' }, ['none', 'lax', 'strict']],
  ['a link of another site', 'GET', link, ['none', 'lax']],
  ['a link of another site, HEAD', 'HEAD', link, ['none', 'lax']],
  ['a form of another site', 'POST', link, ['none']],
  ['a frame in another site', 'GET', frame, ['none']],
  ['a script of another site', 'GET', script, ['none']],
]

for (const [name, method, headers, sent] of SITES) {
  t.test(`whether a client sends the cookie that it has: ${name}`, async (t) => {
    for (const sameSite of ['none', 'lax', 'strict'] as const) {
      t.equal(wouldBeSent({ cookie: 'at', sameSite }, { method, headers }), sent.includes(sameSite), sameSite)
    }
    t.equal(wouldBeSent({ cookie: 'at' }, { method, headers }), sent.includes('lax'), 'by default')
  })
}
