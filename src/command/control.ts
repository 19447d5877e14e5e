// `holdfast status`, `reload` and `scale`: sends a request to the admin interface of a running balancer.
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { codeOf, describe } from '../errors.ts'
import type { Status } from '../sticky.ts'
import type { Control } from './arguments.ts'
import { statusText } from './status-text.ts'

/** @returns the exit code */
export async function control({ command, admin, workers, json }: Control): Promise<number> {
  const path = command === 'scale' ? `/scale?workers=${workers}` : `/${command}`
  const method = command === 'status' ? 'GET' : 'POST'
  if (command !== 'status') process.stderr.write(`${command} …\n`)
  const { error, ...answer } = await send(`http://127.0.0.1:${admin}${path}`, method)
  if (error !== undefined) {
    process.stderr.write(`holdfast ${command}: ${error.message}\n`)
    return 1
  }
  if (command !== 'status') process.stderr.write('done\n')
  else process.stdout.write(json ? `${JSON.stringify(answer, undefined, 2)}\n` : statusText(answer as Status))
  return 0
}

/** Not fetch(): it gives up after five minutes, and refuses some ports. A reload may take longer. */
async function send(url: string, method: string): Promise<{ error?: { message: string } }> {
  const request = http.request(url, { method, agent: false }).end()
  let response: IncomingMessage
  try {
    ;[response] = (await once(request, 'response')) as [IncomingMessage]
  } catch (error) {
    const reason = describe(error) || codeOf(error)
    const message = `no answer from ${url} (${reason}); start the program with --admin PORT and use the same port here`
    return { error: { message } }
  }
  const body = await text(response)
  if (response.headers.server === 'holdfast') return JSON.parse(body) as { error?: { message: string } }
  return { error: { message: `the server at ${url} is not Holdfast's admin interface` } }
}
