import { Socket } from 'node:net'
import t from 'tap'
import { applyClientInfo, encodeClientInfo } from '../../../src/sessions/peer/client-info.ts'

t.test('an application may set properties of the socket of a forwarded request, as on one of its own', async (t) => {
  const info = encodeClientInfo(Object.assign(new Socket(), { encrypted: true }))
  const socket: Socket & { encrypted?: boolean } = new Socket()
  applyClientInfo(socket, info)
  t.equal(socket.encrypted, true)
  socket.encrypted = false
  t.equal(socket.encrypted, false)
  // The next request on the connection, perhaps of another client.
  applyClientInfo(socket, info)
  t.equal(socket.encrypted, true)
})
