// Addresses for property tests: random addresses of all shapes, every way to write them, and texts that are almost
// addresses.
import * as fc from 'fast-check'

export const ipv4Bytes = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes))

const group = fc.oneof(
  { weight: 2, arbitrary: fc.constant(0) },
  fc.constantFrom(1, 0xff, 0xffff, 0xfe80, 0xfc00),
  fc.nat({ max: 0xffff }),
)

const groups = fc.oneof(
  { weight: 4, arbitrary: fc.array(group, { minLength: 8, maxLength: 8 }) },
  // Mapped IPv4, link-local, unique-local.
  fc.tuple(group, group).map(([a, b]) => [0, 0, 0, 0, 0, 0xffff, a, b]),
  fc.array(group, { minLength: 7, maxLength: 7 }).map((rest) => [0xfe80, ...rest]),
  fc.array(group, { minLength: 7, maxLength: 7 }).map((rest) => [0xfd12, ...rest]),
)

export const ipv6Bytes = groups.map((words) => Buffer.from(words.flatMap((word) => [word >> 8, word & 0xff])))

/** Ways to write the address; `choices` selects among equal spellings. IPv4 is also written mapped into IPv6. */
export function addressTexts(bytes: Buffer, choices: Iterable<number>): string[] {
  if (bytes.length === 4) {
    const dotted = [...bytes].join('.')
    const mapped = Buffer.concat([Buffer.from('00000000000000000000ffff', 'hex'), bytes])
    return [dotted, ...addressTexts(mapped, choices)]
  }
  const dice = choices[Symbol.iterator]()
  const choose = (sides: number): number => Number(dice.next().value) % sides
  const words = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16))
  const tail = [...bytes.subarray(12)].join('.')
  const plain = [words, words.map((word) => word.padStart(4, '0')), [...words.slice(0, 6), tail]]
  const texts = plain.flatMap((parts) => [parts.join(':'), ...compressed(parts)])
  return texts.flatMap((text) => [
    text,
    text.toUpperCase(),
    Array.from(text, (letter) => (choose(2) === 0 ? letter.toUpperCase() : letter)).join(''),
    `${text}%${['eth0', '1', 'br_lan'][choose(3)]}`,
  ])
}

/** The address with :: in place of each run of zeros. */
function compressed(parts: string[]): string[] {
  const texts: string[] = []
  for (let from = 0; from < parts.length; from++) {
    for (let to = from; to < parts.length && /^0+$/.test(parts[to]!); to++) {
      texts.push(`${parts.slice(0, from).join(':')}::${parts.slice(to + 1).join(':')}`)
    }
  }
  return texts
}

/** Valid addresses with one or two characters changed, dropped, doubled or inserted. */
export const nearlyAddresses = fc
  .tuple(
    fc.oneof(ipv4Bytes, ipv6Bytes),
    fc.infiniteStream(fc.nat()),
    fc.nat(),
    fc.array(
      fc.tuple(fc.nat(), fc.nat({ max: 3 }), fc.constantFrom(...Array.from('0159afgF:.% -'), '::', '00', '256')),
      {
        maxLength: 2,
      },
    ),
  )
  .map(([bytes, choices, which, edits]) => {
    const texts = addressTexts(bytes, choices).filter((text) => !text.includes('_'))
    return edits.reduce(edit, texts[which % texts.length]!)
  })

function edit(text: string, [where, how, what]: [number, number, string]): string {
  const at = where % (text.length + 1)
  if (how === 0) return text.slice(0, at) + what + text.slice(at)
  if (how === 1) return text.slice(0, at) + text.slice(at + 1)
  if (how === 2) return text.slice(0, at) + what + text.slice(at + 1)
  return text.slice(0, at) + text.slice(at, at + 2) + text.slice(at)
}
