// Reads the option `proxyProtocol`.
import { BlockList } from 'node:net'
import { addNetwork } from './networks.ts'
import { MAX_METADATA } from '../transport/metadata.ts'
import { MAX_TIMER, type Reader } from './reader.ts'

export interface ProxySettings {
  /** The proxies: only they may connect, and they must send the header. */
  trusted: BlockList
  /** Milliseconds. */
  timeout: number
  /** Bytes. */
  maxHeader: number
  maxWaiting: number
}

/**
 * Bytes of a version 2 header with Unix addresses and no TLVs: the longest header of fixed length in either version.
 */
const LONGEST_FIXED = 232

/** @returns undefined when the PROXY protocol is off */
export function readProxyProtocol(read: Reader): Readonly<ProxySettings> | undefined {
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
    if (!addNetwork(list, network))
      throw group.wrong('trust', RangeError, 'addresses and CIDR networks', write, network)
  }
  return list
}
