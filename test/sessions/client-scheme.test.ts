import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { listOf } from '../../src/options/networks.ts'
import { setProxyHeader } from '../../src/serving/proxy-info.ts'
import { isSecure } from '../../src/sessions/client-scheme.ts'
import { headerV2 } from '../support/proxy-headers.ts'

interface Client {
  encrypted?: boolean
  /** Of the connection to this process. */
  address?: string
  /** `X-Forwarded-Proto`. */
  scheme?: string | string[]
  /** The PROXY protocol header's TLVs, and the proxy that sent it. */
  tlvs?: [type: number, value: Buffer][]
  proxy?: string
}

const PROXY = '10.1.1.1'

/** Clients, and whether their connection is https where no proxy, those of 10.0.0.0/8, and all are trusted. */
const CLIENTS: [name: string, client: Client, none: boolean, listed: boolean, all: boolean][] = [
  ['http', {}, false, false, false],
  ['https', { encrypted: true }, true, true, true],
  ['https, and a header that says http', { encrypted: true, scheme: 'http' }, true, true, true],
  ['a stranger that says https', { scheme: 'https' }, false, false, true],
  ['a proxy that says https', { address: PROXY, scheme: 'https' }, false, true, true],
  ['a proxy in a mapped address', { address: `::ffff:${PROXY}`, scheme: 'https' }, false, true, true],
  ['a proxy that says HTTPS', { address: PROXY, scheme: ' HTTPS ' }, false, true, true],
  ['a proxy that says wss', { address: PROXY, scheme: 'wss' }, false, true, true],
  ['a proxy that says http', { address: PROXY, scheme: 'http' }, false, false, false],
  ['a proxy that says nothing', { address: PROXY }, false, false, false],
  ['a proxy that says httpsx', { address: PROXY, scheme: 'httpsx' }, false, false, false],
  ['a proxy behind a proxy with https', { address: PROXY, scheme: 'https, http' }, false, true, true],
  ['a proxy behind a proxy with http', { address: PROXY, scheme: 'http, https' }, false, false, false],
  ['no address', { address: '', scheme: 'https' }, false, false, true],
  ['a proxy with the PROXY protocol', { proxy: PROXY, scheme: 'https' }, false, true, true],
  ['a client with the address of a proxy', { proxy: '192.0.2.9', address: PROXY, scheme: 'https' }, false, false, true],
  ['TLS in the PROXY header', { proxy: '192.0.2.9', tlvs: [[0x20, Buffer.from([1, 0, 0, 0, 0])]] }, true, true, true],
  ['no TLS in the PROXY header', { proxy: PROXY, tlvs: [[0x20, Buffer.from([0, 0, 0, 0, 0])]] }, false, false, false],
  ['an empty TLV', { proxy: PROXY, tlvs: [[0x20, Buffer.alloc(0)]] }, false, false, false],
]

for (const [name, client, none, listed, all] of CLIENTS) {
  t.test(`whether a client's own connection is https: ${name}`, async (t) => {
    const { encrypted, address = '192.0.2.1', scheme, tlvs = [], proxy } = client
    const socket = { encrypted, remoteAddress: address }
    if (proxy !== undefined) {
      const header = headerV2({ address: '192.0.2.1', port: 1 }, { more: tlvs })
      setProxyHeader(socket, header, { address: proxy, port: 1 })
    }
    const request = { socket, headers: { 'x-forwarded-proto': scheme } } as unknown as IncomingMessage
    t.equal(isSecure(request, listOf([])), none, 'no proxy is trusted')
    t.equal(isSecure(request, listOf(['10.0.0.0/8'])), listed, 'some are trusted')
    t.equal(isSecure(request, 'all'), all, 'all are trusted')
  })
}
