// The options of the PROXY protocol, checked.
import { BlockList, isIP } from 'node:net'
import { MAX_TIMER, type Reader } from './reader.ts'
import { MAX_METADATA } from '../transport/metadata.ts'

export interface ProxySettings {
  /** The peers that must send the header, and nobody else may connect. */
  readonly trusted: BlockList
  readonly timeout: number
  readonly maxHeader: number
  readonly maxWaiting: number
}

/** A version 2 header with Unix addresses, the longest that has a fixed length; also more than any of version 1. */
const LONGEST_FIXED = 232

/** @returns undefined where it is off */
export function readProxyProtocol(read: Reader): ProxySettings | undefined {
  const given = read.raw('proxyProtocol')
  if (given === undefined || given === false) return undefined
  return read.group('proxyProtocol', (group) => ({
    trusted: readTrust(group),
    timeout: group.integer('timeout', { min: 1, max: MAX_TIMER, fallback: 5_000 }),
    maxHeader: group.integer('maxHeader', { min: LONGEST_FIXED, max: MAX_METADATA - 3, fallback: 4_096 }),
    maxWaiting: group.integer('maxWaiting', { min: 1, max: 1_000_000, fallback: 1_024 }),
  }))
}

function readTrust(group: Reader): BlockList {
  const write = "['10.0.0.0/8', '::1']"
  const networks = group.strings('trust', [])
  if (networks.length === 0) {
    throw group.wrong('trust', TypeError, 'the addresses of your proxies', write, group.raw('trust'))
  }
  const list = new BlockList()
  for (const network of networks) {
    if (!add(list, network)) throw group.wrong('trust', RangeError, 'addresses and CIDR networks', write, network)
  }
  return list
}

/** `address` or `address/prefix`. @returns false when it is neither */
function add(list: BlockList, network: string): boolean {
  const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(network.trim()) ?? []
  const family = isIP(address)
  const bits = family === 4 ? 32 : 128
  if (family === 0 || address.includes('%') || Number(prefix ?? 0) > bits) return false
  list.addSubnet(address, Number(prefix ?? bits), family === 4 ? 'ipv4' : 'ipv6')
  return true
}
