import t from 'tap'
import { COMMON, read, roomImports } from './rooms.ts'

const TO_REFRESH = 'run npm run graph'

t.test('docs/architecture.svg shows the imports between the rooms of today', async (t) => {
  const picture = read('docs/architecture.svg').replaceAll('&#45;', '-').replaceAll('&gt;', '>')
  const arrows = [...picture.matchAll(/<title>src\/([^<]+)->src\/([^<]+)<\/title>/g)]
  const drawn = new Map<string, string[]>()
  for (const [, from = '', to = ''] of arrows) drawn.set(from, [...(drawn.get(from) ?? []), to])
  const imports = roomImports()
  for (const [from, rooms] of drawn) {
    for (const to of rooms)
      t.ok(imports.get(from)?.includes(to), `${from} -> ${to} is drawn, and no import; ${TO_REFRESH}`)
  }
  const leadsTo = (from: string, wanted: string, seen = new Set<string>()): boolean => {
    if (seen.has(from)) return false
    seen.add(from)
    return (drawn.get(from) ?? []).some((to) => to === wanted || leadsTo(to, wanted, seen))
  }
  for (const [from, rooms] of imports) {
    if (COMMON.includes(from)) continue
    for (const to of rooms)
      t.ok(leadsTo(from, to), `${from} -> ${to} is an import, and no arrows lead there; ${TO_REFRESH}`)
  }
})
