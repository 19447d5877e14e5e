// A request that stays open for as long as the test needs.
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import type { Reply } from './clients.ts'

export interface Upload {
  answer: Promise<Reply>
  finish(): Promise<Reply>
}

/** Resolves when the worker has the request; the answer comes after `finish()`. */
export async function upload(port: number): Promise<Upload> {
  const sending = http.request({ port, path: '/hash', method: 'POST', headers: { expect: '100-continue' } })
  const answer = once(sending, 'response').then(([response]) => json(response as IncomingMessage) as Promise<Reply>)
  answer.catch(() => {}) // the caller handles the rejection
  sending.write('half')
  await once(sending, 'continue')
  return {
    answer,
    finish() {
      sending.end('half')
      return answer
    },
  }
}
