// PROXY protocol headers of version 2, byte by byte; also headers that no proxy would send.

/** Makes a header. @param rest - the bytes after version, command, family and length, in hex */
export function rawV2(command: number, family: number, rest: string): Buffer {
  const bytes = Buffer.from(rest, 'hex')
  const fixed = Buffer.from(`0d0a0d0a000d0a515549540a0000${bytes.length.toString(16).padStart(4, '0')}`, 'hex')
  fixed[12] = command
  fixed[13] = family
  return Buffer.concat([fixed, bytes])
}

/** One type-length-value field in hex. */
export function rawTlv(type: number, value: Buffer): string {
  return `${type.toString(16).padStart(2, '0')}${value.length.toString(16).padStart(4, '0')}${value.toString('hex')}`
}
