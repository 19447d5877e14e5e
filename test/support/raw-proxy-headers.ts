// PROXY protocol headers of version 2 byte for byte: also those that no proxy would send.

/** Version and command, family and transport, and what follows in hex. */
export function rawV2(command: number, family: number, rest: string): Buffer {
  const bytes = Buffer.from(rest, 'hex')
  const fixed = Buffer.from(`0d0a0d0a000d0a515549540a0000${bytes.length.toString(16).padStart(4, '0')}`, 'hex')
  fixed[12] = command
  fixed[13] = family
  return Buffer.concat([fixed, bytes])
}

/** One type-length-value in hex. */
export function rawTlv(type: number, value: Buffer): string {
  return `${type.toString(16).padStart(2, '0')}${value.length.toString(16).padStart(4, '0')}${value.toString('hex')}`
}
