// CRC-32C (Castagnoli), the checksum of the PROXY protocol: RFC 3720, appendix B.4. The CRC-32 of Node's zlib uses
// another polynomial.

/** 0x1edc6f41 with its bits reflected. */
const POLYNOMIAL = 0x82f63b78

/** The CRC of each byte. Built on the first use, because only a few processes ever check a PROXY header. */
let table: Uint32Array | undefined

function buildTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1
    return value
  })
}

/** @returns uint32 */
export function crc32c(bytes: Uint8Array): number {
  table ??= buildTable()
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ Number(table[(crc ^ byte) & 255])
  return (crc ^ 0xffffffff) >>> 0
}
