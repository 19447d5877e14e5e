// CRC-32C (Castagnoli), as the PROXY protocol wants it: RFC 3720, appendix B.4. Node's zlib has another polynomial.

/** Reflected 0x1edc6f41. */
const POLYNOMIAL = 0x82f63b78

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1
  return value
})

/** @returns uint32 */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ Number(TABLE[(crc ^ byte) & 255])
  return (crc ^ 0xffffffff) >>> 0
}
