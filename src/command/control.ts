// `holdfast status`, `reload` and `scale`: asks one that runs, through its admin interface.
import { describe } from '../errors.ts'
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

async function ask(url: string, method: string): Promise<{ error?: { message: string } }> {
  let response: Response
  try {
    response = await fetch(url, { method })
  } catch (error) {
    const reason = describe(error instanceof Error ? (error.cause ?? error) : error)
    const message = `nobody answers at ${url} (${reason}); start it with --admin PORT, and say the same port here`
    return { error: { message } }
  }
  if (response.headers.get('server') === 'holdfast') return (await response.json()) as { error?: { message: string } }
  return { error: { message: `what answers at ${url} is not Holdfast's admin interface` } }
}
