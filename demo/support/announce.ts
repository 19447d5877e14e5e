// What a demo prints when it is up: the addresses, the workers and what to try. Later: workers that ended or came back.
import type { Sticky } from 'holdfast'
import type { About } from './flags.ts'
import { tellOfWorkers } from './tell-of-workers.ts'

export interface More {
  /** Lines of text with things to try; commands are indented. @param url - the address to open */
  tries: (url: string) => readonly string[]
  /** Port for clients, if it is not the port on which Holdfast listens. */
  port?: number
  /** Additional lines, by label. */
  facts?: Readonly<Record<string, string>>
  /** Runs the part of the demo that needs no browser, and prints its result. */
  show?: () => Promise<void>
}

export async function announce({ name, shows }: About, sticky: Sticky, more: More): Promise<void> {
  const { tries, port, facts = {}, show } = more
  const opens = hosts(sticky).map((host) => {
    const url = urlOf(host, port ?? sticky.address()?.port)
    return sticky.role === 'worker' ? url : `${url.padEnd(24)} is served by worker ${sticky.explain(host).worker}`
  })
  const lines = { Open: opens.join('\nor '), Workers: describeWorkers(sticky), ...facts }
  const attempts = tries(urlOf('127.0.0.1', port ?? sticky.address()?.port))
  console.log(`
  Holdfast demo: ${name}
  ${shows}

${Object.entries(lines).map(labelled).join('\n')}
`)
  await show?.()
  console.log(`${labelled(['Try', attempts.join('\n')])}

  Ctrl-C stops it.
`)
  if (sticky.role === 'primary') tellOfWorkers(sticky)
}

function labelled([label, text]: [string, string]): string {
  const [first = '', ...rest] = text.split('\n')
  // A line that begins with "or" has the "or" in the column of the labels.
  const others = rest.map((line) => (line.startsWith('or ') ? row('or', line.slice(3)) : row('', line)))
  return [row(label, first), ...others].join('\n')
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(11)}${text}`
}

/** Not `localhost`: a browser may use either address for that name, and so be two clients. */
function hosts(sticky: Sticky): string[] {
  return sticky.address()?.family === 'IPv6' ? ['127.0.0.1', '::1'] : ['127.0.0.1']
}

function urlOf(host: string, port: number | undefined): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function describeWorkers(sticky: Sticky): string {
  if (sticky.role === 'worker') return `none; this process serves (pid ${process.pid})`
  return sticky
    .status()
    .workers.map(({ id, pid }) => `${id} (pid ${pid})`)
    .join(', ')
}
