// Lists of addresses and CIDR networks, as options have them.
import { BlockList, isIP } from 'node:net'
import { addressText, parseAddress } from '../affinity/address.ts'

/** @returns false when `network` is neither `address` nor `address/prefix`; the list is unchanged then */
export function addNetwork(list: BlockList, network: string): boolean {
  const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(network.trim()) ?? []
  const family = isIP(address)
  const bits = family === 4 ? 32 : 128
  if (family === 0 || address.includes('%') || Number(prefix ?? 0) > bits) return false
  list.addSubnet(address, Number(prefix ?? bits), family === 4 ? 'ipv4' : 'ipv6')
  return true
}

/** @param networks - checked before by {@link addNetwork}; others are left out */
export function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) addNetwork(list, network)
  return list
}

/** @param address - as Node reports that of a socket: IPv4 may be mapped to IPv6, and a zone may follow */
export function isListed(list: BlockList, address: string | undefined): boolean {
  const bytes = parseAddress(address)
  return bytes !== undefined && list.check(addressText(bytes), bytes.length === 4 ? 'ipv4' : 'ipv6')
}
