// `holdfast status`, `reload` and `scale`: asks one that runs, through its admin interface.
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { codeOf, describe } from '../errors.ts'
import type { Status } from '../sticky.ts'
import type { Control } from './arguments.ts'
import { statusText } from './status-text.ts'

/** @returns the exit code */
export async function control({ command, admin, workers, json }: Control): Promise<number> {
  const path = command === 'scale' ? `/scale?workers=${encodeURIComponent(workers ?? '')}` : `/${command}`
  const method = command === 'status' ? 'GET' : 'POST'
  if (command !== 'status') process.stderr.write(`${command} …\n`)
  const { error, ...answer } = await ask(`http://127.0.0.1:${admin}${path}`, method)
  if (error !== undefined) {
    process.stderr.write(`holdfast ${command}: ${error.message}\n`)
    return 1
  }
  if (command !== 'status') process.stderr.write('done\n')
  else process.stdout.write(json ? `${JSON.stringify(answer, undefined, 2)}\n` : statusText(answer as Status))
  return 0
}

/** A reload may take as long as it likes: fetch() gives up after five minutes, and knows ports that it does not ask. */
async function ask(url: string, method: string): Promise<{ error?: { message: string } }> {
  const asking = http.request(url, { method, agent: false }).end()
  let response: IncomingMessage
  try {
    ;[response] = (await once(asking, 'response')) as [IncomingMessage]
  } catch (error) {
    const reason = describe(error) || codeOf(error)
    const message = `nobody answers at ${url} (${reason}); start it with --admin PORT, and say the same port here`
    return { error: { message } }
  }
  const body = await text(response)
  if (response.headers.server === 'holdfast') return JSON.parse(body) as { error?: { message: string } }
  return { error: { message: `what answers at ${url} is not Holdfast's admin interface` } }
}
