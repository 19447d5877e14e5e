// FarmHash fingerprint32 in plain JavaScript: the fallback on platforms without a build of the native addon. Source of
// the algorithm: farmhash.cc, namespace farmhashmk (Google, MIT).

const C1 = 0xcc9e2d51
const C2 = 0x1b873593

/** @returns uint32, the same as the native `farmhash.fingerprint32` */
export function fingerprint32(key: Buffer): number {
  const length = key.length
  if (length <= 4) return upTo4(key, length)
  if (length <= 12) return upTo12(key, length)
  if (length <= 24) return upTo24(key, length)
  return longer(key, length)
}

function upTo4(key: Buffer, length: number): number {
  let b = 0
  let c = 9
  for (let i = 0; i < length; i++) {
    b = (Math.imul(b, C1) + key.readInt8(i)) | 0
    c ^= b
  }
  return mix(mur(b, mur(length, c)))
}

function upTo12(key: Buffer, length: number): number {
  const a = (length + key.readInt32LE(0)) | 0
  const b = (length * 5 + key.readInt32LE(length - 4)) | 0
  const c = (9 + key.readInt32LE((length >> 1) & 4)) | 0
  return mix(mur(c, mur(b, mur(a, length * 5))))
}

function upTo24(key: Buffer, length: number): number {
  const c = key.readInt32LE(length - 8)
  const d = key.readInt32LE(length >> 1)
  const e = key.readInt32LE(0)
  const f = key.readInt32LE(length - 4)
  let a = (rotate(key.readInt32LE((length >> 1) - 4), 12) + f) | 0
  let h = (mur(c, (Math.imul(d, C1) + length) | 0) + a) | 0
  a = (rotate(a, 3) + c) | 0
  h = (mur(e, h) + a) | 0
  a = (rotate((a + f) | 0, 12) + d) | 0
  h = (mur(key.readInt32LE(4), h) + a) | 0
  return mix(h)
}

function longer(key: Buffer, length: number): number {
  const scramble = (at: number) => Math.imul(rotate(Math.imul(key.readInt32LE(at), C1), 17), C2)
  const step = (h: number) => (Math.imul(h, 5) + 0xe6546b64) | 0
  const [a0, a1, a2] = [scramble(length - 4), scramble(length - 8), scramble(length - 16)]
  const [a3, a4] = [scramble(length - 12), scramble(length - 20)]
  let h = length
  let g = Math.imul(C1, length)
  let f = g
  h = step(rotate(h ^ a0, 19))
  h = step(rotate(h ^ a2, 19))
  g = step(rotate(g ^ a1, 19))
  g = step(rotate(g ^ a3, 19))
  f = (rotate((f + a4) | 0, 19) + 113) | 0
  for (let at = 0, left = Math.floor((length - 1) / 20); left > 0; left--, at += 20) {
    const a = key.readInt32LE(at)
    const b = key.readInt32LE(at + 4)
    const c = key.readInt32LE(at + 8)
    const d = key.readInt32LE(at + 12)
    const e = key.readInt32LE(at + 16)
    h = (h + a) | 0
    g = (g + b) | 0
    f = (f + c) | 0
    h = (mur(d, h) + e) | 0
    g = (mur(c, g) + a) | 0
    f = (mur((b + Math.imul(e, C1)) | 0, f) + d) | 0
    f = (f + g) | 0
    g = (g + f) | 0
  }
  g = Math.imul(rotate(Math.imul(rotate(g, 11), C1), 17), C1)
  f = Math.imul(rotate(Math.imul(rotate(f, 11), C1), 17), C1)
  h = Math.imul(rotate(step(rotate((h + g) | 0, 19)), 17), C1)
  h = Math.imul(rotate(step(rotate((h + f) | 0, 19)), 17), C1)
  return h >>> 0
}

/** Rotate right, as FarmHash's `Rotate32`. */
function rotate(value: number, by: number): number {
  return (value >>> by) | (value << (32 - by))
}

/** Murmur3's combining step: mixes `a` into `h`. */
function mur(a: number, h: number): number {
  const k = Math.imul(rotate(Math.imul(a, C1), 17), C2)
  return (Math.imul(rotate(h ^ k, 19), 5) + 0xe6546b64) | 0
}

/** Murmur3's finaliser, as uint32. */
function mix(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
