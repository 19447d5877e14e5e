import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { isLocalUser } from '../../../demo/support/same-machine.ts'

const request = (host: string | undefined, remoteAddress = '127.0.0.1') =>
  ({ headers: { host }, socket: { remoteAddress } }) as unknown as IncomingMessage

t.test('only a request from this machine to an address or localhost is local', async (t) => {
  for (const host of ['127.0.0.1:3000', '[::1]:3000', 'localhost']) t.equal(isLocalUser(request(host)), true, host)
  t.equal(isLocalUser(request('chat.example:3000')), false)
  t.equal(isLocalUser(request('127.0.0.1', '192.0.2.7')), false)
})

t.test('an invalid Host header is not local, and does no harm', async (t) => {
  for (const host of ['a b', '::1:3160', '', '%', undefined]) t.equal(isLocalUser(request(host)), false, String(host))
})
