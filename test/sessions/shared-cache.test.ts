import t from 'tap'
import { isForSharedCaches } from '../../src/sessions/shared-cache.ts'

/** Values of `Cache-Control`, and whether shared caches may give the answer to other clients. */
const VALUES: [values: string[], isShared: boolean][] = [
  [[], false],
  [[''], false],
  [['public'], true],
  [['Public'], true],
  [['public, max-age=0'], true],
  [['max-age=60,public'], true],
  [['max-age=60', 'public'], true],
  [['immutable'], true],
  [['max-age=60, immutable'], true],
  [['s-maxage=60'], true],
  [['S-MaxAge = 60'], true],
  [['s-maxage="60"'], true],
  [['public, no-cache'], true],
  [['public, private="x-user"'], true],
  [['public, no-cache="x-user, x-other"'], true],
  [['public;max-age=5'], true],
  [['max-age=60'], false],
  [['max-age=60, must-revalidate'], false],
  [['no-cache'], false],
  [['no-store'], false],
  [['private'], false],
  [['private, immutable'], false],
  [['public, private'], false],
  [['private', 'public'], false],
  [['public, no-store'], false],
  [['public, private="Set-Cookie"'], false],
  [['public, no-cache="x-user, set-cookie"'], false],
  [['x="public, immutable"'], false],
  [['x=public'], false],
  [['publicly'], false],
  [['not-public'], false],
]

for (const [values, isShared] of VALUES) {
  t.test(`an answer is ${isShared ? '' : 'not '}for shared caches: ${values.join(' | ')}`, async (t) => {
    t.equal(
      isForSharedCaches((name) => (name === 'cache-control' ? values : [])),
      isShared,
    )
  })
}

t.test('a header for shared caches alone counts too, with the age in it', async (t) => {
  for (const name of ['cdn-cache-control', 'surrogate-control']) {
    for (const [value, isShared] of [
      ['max-age=60', true],
      ['public', true],
      ['no-store', false],
      ['private, max-age=60', false],
    ] as const) {
      const headers: Record<string, string[]> = { 'cache-control': ['no-cache'], [name]: [value] }
      t.equal(
        isForSharedCaches((each) => headers[each] ?? []),
        isShared,
        `${name}: ${value}`,
      )
    }
  }
})
