// The command line of the bench.
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'

/** Settings of all questions. */
export interface Settings {
  /** Small loads and one round, which show that every contender answers, but not how fast. */
  quick: boolean
  rounds: number
  /** Short connections per round and contender; the numbers of other operations depend on it. */
  connections: number
  /** Node binary that runs the servers; the load generator always runs on the bench's own. */
  node: string
  /** Version of this Node, such as 20.20.2. */
  version: string
  /** Names of contenders; undefined for all. */
  only: readonly string[] | undefined
}

export interface Arguments extends Settings {
  questions: readonly string[]
  help: boolean
  /** Keep the figures, and update bench/README.md and the plots. */
  write: boolean
}

/** The command line is invalid. */
export class UsageError extends Error {}

/** @throws UsageError */
export function readArguments(args: readonly string[], questions: readonly string[]): Arguments {
  const { values, positionals } = parse(args)
  for (const word of positionals) {
    if (!questions.includes(word)) throw new UsageError(`no question '${word}'; there are ${questions.join(', ')}`)
  }
  const quick = values.quick === true
  if (quick && values.write === true) throw new UsageError('--quick makes no figures worth keeping with --write')
  const node = values.node ?? process.execPath
  return {
    questions: positionals.length === 0 ? questions : questions.filter((question) => positionals.includes(question)),
    help: values.help === true,
    write: values.write === true,
    quick,
    rounds: count('rounds', values.rounds, quick ? 1 : 3),
    connections: count('connections', values.connections, quick ? 200 : 20_000),
    node,
    version: versionOf(node),
    only: values.only?.split(','),
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: 'boolean' },
        rounds: { type: 'string' },
        connections: { type: 'string' },
        node: { type: 'string' },
        only: { type: 'string' },
        write: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function count(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new UsageError(`--${name}: expected a number from 1, got '${text}'`)
  return value
}

function versionOf(node: string): string {
  try {
    return execFileSync(node, ['--version'], { encoding: 'utf8' }).trim().replace('v', '')
  } catch {
    throw new UsageError(`--node: '${node}' is not a Node.js binary`)
  }
}
