// The steering program: classic BPF that computes the slot of a connection from its source address in the kernel, with
// the same result as affinity/address.ts and slots/hash.ts. Pure: settings go in, instructions come out.
//
// Sources: the classic BPF machine of bpf(4) and Linux Documentation/networking/filter.rst; FarmHash's fingerprint32
// for 4 and 8 bytes, without loops. The machine has a 32-bit accumulator A, an index X, 16 words of scratch memory and
// no loops. Its data begins behind the TCP header, so the addresses are loaded relative to the network header.
import type { AffinitySettings } from '../affinity/address.ts'

export interface Instruction {
  code: number
  jt: number
  jf: number
  k: number
}

/** SKF_NET_OFF: offsets above this number are relative to the network header. */
const NET = 0xfff00000
const IPV4_SOURCE = NET + 12
const IPV6_SOURCE = NET + 8
/** The last 64 bits of the IPv6 source. */
const IPV6_INTERFACE = NET + 16

const C1 = 0xcc9e2d51
const C2 = 0x1b873593
const ADD5 = 0xe6546b64

const ALU = { add: 0x04, sub: 0x14, mul: 0x24, or: 0x44, and: 0x54, lsh: 0x64, rsh: 0x74, xor: 0xa4 } as const
/** Added to an ALU code: the operand is X instead of a constant. */
const OPERAND_X = 0x08
const LD_BYTE = 0x30
const LD_IMMEDIATE = 0x00
const LD_MEMORY = 0x60
const LDX_MEMORY = 0x61
const ST = 0x02
const TAX = 0x07
const TXA = 0x87
const JUMP = 0x05
const JUMP_IF_EQUAL = 0x15
const RETURN_A = 0x16

/** Indexes of the words of scratch memory. */
const M = { tmp: 0, h: 1, w0: 2, w1: 3, b: 4, c: 5 } as const

/**
 * The program for a group of 256 sockets. It returns the slot of a connection, 0..255.
 *
 * @returns the instructions, or a sentence that says why the kernel cannot compute these keys
 */
export function steeringProgram({ ipv4Prefix, ipv6Prefix, seed }: AffinitySettings): Instruction[] | string {
  if (ipv6Prefix > 64) return `affinity.ipv6Prefix ${ipv6Prefix} makes a key of 16 bytes; the program hashes at most 8`
  const v4 = [...hash4(prefixMask(ipv4Prefix, 4), seed), ...slot()]
  const global = loadWords(IPV6_SOURCE, prefixMask(ipv6Prefix, 8), seed)
  // Neighbours in fe80::/10 and fc00::/7 share the first 64 bits, so the interface identifier is the key.
  const local = loadWords(IPV6_INTERFACE, prefixMask(64, 8), seed)
  return [
    load(NET),
    alu('rsh', 4),
    ifEqual(4, 1, 0),
    jump(v4.length),
    ...v4,
    load(IPV6_SOURCE),
    ifEqual(0xfe, 0, 3),
    load(IPV6_SOURCE + 1),
    alu('and', 0xc0),
    ifEqual(0x80, 3, 2),
    alu('and', 0xfe),
    ifEqual(0xfc, 1, 0),
    jump(local.length + 1),
    ...local,
    jump(global.length),
    ...global,
    ...hash8(),
    ...slot(),
  ]
}

/** The program as `struct sock_filter[]`: 8 bytes per instruction, little-endian. */
export function encodeProgram(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8)
  for (const [i, { code, jt, jf, k }] of program.entries()) {
    bytes.writeUInt16LE(code, i * 8)
    bytes[i * 8 + 2] = jt
    bytes[i * 8 + 3] = jf
    bytes.writeUInt32LE(k >>> 0, i * 8 + 4)
  }
  return bytes
}

/** Puts fingerprint32 of the IPv4 source address into A. */
function hash4(mask: readonly number[], seed: number): Instruction[] {
  const program = [constant(0), store(M.b), constant(9), store(M.c)]
  for (const [i, bits] of mask.entries()) {
    program.push(recall(M.b), alu('mul', C1), store(M.tmp))
    program.push(load(IPV4_SOURCE + i), alu('and', bits), alu('xor', seedByte(seed, i)))
    // FarmHash reads these bytes as signed: this extends the sign.
    program.push(alu('xor', 0x80), alu('sub', 0x80))
    program.push(recallX(M.tmp), aluX('add'), store(M.b), recallX(M.c), aluX('xor'), store(M.c))
  }
  return [
    ...program,
    recall(M.c),
    store(M.h),
    ...combine([constant(4)]),
    ...combine([recall(M.b)]),
    recall(M.h),
    ...finish(),
  ]
}

/** Puts fingerprint32 of the eight bytes in w0 and w1 into A. */
function hash8(): Instruction[] {
  return [
    constant(40),
    store(M.h),
    ...combine([recall(M.w0), alu('add', 8)]),
    ...combine([recall(M.w1), alu('add', 40)]),
    ...combine([recall(M.w1), alu('add', 9)]),
    recall(M.h),
    ...finish(),
  ]
}

/** Murmur3's combining step h = mur(a, h). @param value - instructions that put a into A */
function combine(value: Instruction[]): Instruction[] {
  return [
    ...value,
    alu('mul', C1),
    ...rotate(17),
    alu('mul', C2),
    recallX(M.h),
    aluX('xor'),
    ...rotate(19),
    alu('mul', 5),
    alu('add', ADD5),
    store(M.h),
  ]
}

/** Murmur3's finaliser, applied to A. */
function finish(): Instruction[] {
  const fold = (by: number) => [op(TAX), alu('rsh', by), aluX('xor')]
  return [...fold(16), alu('mul', 0x85ebca6b), ...fold(13), alu('mul', 0xc2b2ae35), ...fold(16)]
}

function slot(): Instruction[] {
  return [alu('and', 0xff), op(RETURN_A)]
}

/** Loads eight bytes of the packet, masked and seeded, as two little-endian words into w0 and w1. */
function loadWords(at: number, mask: readonly number[], seed: number): Instruction[] {
  const word = (from: number) => {
    const bytes = [3, 2, 1, 0].flatMap((i) => [
      load(at + from + i),
      alu('and', mask[from + i] ?? 0),
      alu('xor', seedByte(seed, from + i)),
      ...(i === 3 ? [] : [aluX('or')]),
      ...(i === 0 ? [] : [alu('lsh', 8), op(TAX)]),
    ])
    return bytes
  }
  return [...word(0), store(M.w0), ...word(4), store(M.w1)]
}

/** Rotates A right. */
function rotate(by: number): Instruction[] {
  return [op(TAX), alu('rsh', by), store(M.tmp), op(TXA), alu('lsh', 32 - by), recallX(M.tmp), aluX('or')]
}

/** The bytes of a bit mask with `prefix` leading ones. */
function prefixMask(prefix: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => (0xff00 >> Math.min(8, Math.max(0, prefix - i * 8))) & 0xff)
}

/** The byte of the seed that is XORed with byte `i` of the key. */
function seedByte(seed: number, i: number): number {
  return (seed >>> (24 - (i & 3) * 8)) & 0xff
}

function op(code: number, k = 0, jt = 0, jf = 0): Instruction {
  return { code, jt, jf, k }
}

const load = (at: number) => op(LD_BYTE, at)
const constant = (value: number) => op(LD_IMMEDIATE, value)
const recall = (word: number) => op(LD_MEMORY, word)
const recallX = (word: number) => op(LDX_MEMORY, word)
const store = (word: number) => op(ST, word)
const alu = (name: keyof typeof ALU, k: number) => op(ALU[name], k)
const aluX = (name: keyof typeof ALU) => op(ALU[name] | OPERAND_X)
const jump = (by: number) => op(JUMP, by)
const ifEqual = (value: number, jt: number, jf: number) => op(JUMP_IF_EQUAL, value, jt, jf)
