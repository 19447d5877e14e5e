// Runs the programs of the fixture life-app, alone and under the command.
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { freePort, until } from './clients.ts'
import { startProgram, type Program } from './program.ts'

const FIXTURE = 'test/fixtures/life-app.js'
const app = fileURLToPath(new URL(`../../${FIXTURE}`, import.meta.url))

/** Starts the program with Node. */
export function aloneLife(t: Test, life: string, port: number, env: Record<string, string> = {}): Program {
  return startProgram(t, FIXTURE, [], { PORT: String(port), FIXTURE_LIFE: life, ...env })
}

/** Starts the program with the command, by default in one worker, and waits until it is ready. */
export async function startLife(
  t: Test,
  life: string,
  flags: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Program & { port: number }> {
  const port = await freePort()
  const options = ['--port', String(port), '--host', '::', ...flags]
  if (!flags.includes('--workers')) options.push('--workers', '1')
  const program = startProgram(t, 'src/cli.js', [...options, app], { FIXTURE_LIFE: life, ...env })
  const ended = () => program.child.exitCode !== null
  await until(`${life}: it is ready`, () => program.stderr().includes('balancer.ready') || ended())
  return { ...program, port }
}

/** What the program has said. */
export function words({ stdout }: Program): string[] {
  return [...stdout().matchAll(/^life (.*)$/gm)].map(([, said]) => said ?? '')
}
