// An address and its port as they stand in a URL. Pure.
import type { Address } from '../ipc/messages.ts'

/** `127.0.0.1:3000`, `[::]:3000` */
export function placeText({ address, port }: Pick<Address, 'address' | 'port'>): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`
}
