// Runs a classic BPF program over a packet, as the kernel would.
import type { Instruction } from '../../src/native/cbpf.ts'

const NET = 0xfff00000

/** @param network - the packet from its network header on */
export function runProgram(program: readonly Instruction[], network: Buffer): number {
  const memory = new Uint32Array(16)
  const written = new Set<number>()
  let a = 0
  let x = 0
  for (let pc = 0; pc < program.length; pc++) {
    const { code, jt, jf, k } = program[pc]!
    switch (code) {
      case 0x30:
        a = network.readUInt8(k - NET)
        break
      case 0x00:
        a = k >>> 0
        break
      case 0x60:
      case 0x61:
        if (!written.has(k)) throw new Error(`word ${k} is read before it is written`)
        if (code === 0x60) a = memory[k]!
        else x = memory[k]!
        break
      case 0x02:
        memory[k] = a
        written.add(k)
        break
      case 0x07:
        x = a
        break
      case 0x87:
        a = x
        break
      case 0x05:
        pc += k
        break
      case 0x15:
        pc += a === k >>> 0 ? jt : jf
        break
      case 0x16:
        return a
      default:
        a = compute(code, a, (code & 0x08) === 0 ? k : x)
    }
  }
  throw new Error('the program does not return')
}

function compute(code: number, a: number, operand: number): number {
  switch (code & ~0x08) {
    case 0x04:
      return (a + operand) >>> 0
    case 0x14:
      return (a - operand) >>> 0
    case 0x24:
      return Math.imul(a, operand) >>> 0
    case 0x44:
      return (a | operand) >>> 0
    case 0x54:
      return (a & operand) >>> 0
    case 0x64:
      return (a << operand) >>> 0
    case 0x74:
      return a >>> operand
    case 0xa4:
      return (a ^ operand) >>> 0
    default:
      throw new Error(`unknown instruction 0x${code.toString(16)}`)
  }
}

/** Makes an IPv4 or IPv6 header with the source address, 4 or 16 bytes. */
export function packetFrom(source: Buffer): Buffer {
  const packet = Buffer.alloc(40)
  packet[0] = source.length === 4 ? 0x45 : 0x60
  source.copy(packet, source.length === 4 ? 12 : 8)
  return packet
}
