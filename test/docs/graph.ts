// npm run graph: writes docs/architecture.svg, the drawing of the rooms of src/ and of their imports.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cruise } from 'dependency-cruiser'
import { COMMON, PROCESSES, root, UPWARDS } from './rooms.ts'

const PICTURE = 'docs/architecture.svg'

/**
 * Folders and files that are not drawn: those that every room may import, and the public faces, which only re-export.
 */
const LEFT_OUT = [
  `^src/(${COMMON.join('|')})/`,
  '^src/(errors|logger|runtime|safe-emitter|sticky|world)[.]ts$',
  '^src/(broadcast|cli|compat|index|socket-io)[.]ts$',
]

const COLOURS = { primary: '#cfe3ff', worker: '#d3f2c9', both: '#fff3c4', upwards: '#d0312d' }

/** Attributes of Graphviz. */
const THEME = {
  replace: true,
  graph: {
    nodesep: '0.35',
    ranksep: '0.4',
    pad: '0.2',
    bgcolor: '#ffffff',
    fontname: 'Helvetica',
    fontsize: '12',
    label: 'blue: in the primary    green: in a worker    yellow: in both    red: against the layers',
    style: 'invis',
  },
  node: {
    shape: 'box',
    style: 'rounded,filled',
    height: '0.35',
    margin: '0.14,0.06',
    color: '#555555',
    fillcolor: COLOURS.both,
    fontname: 'Helvetica',
    fontsize: '13',
  },
  edge: { arrowsize: '0.7', penwidth: '1.2', color: '#666666' },
  modules: [
    filled(PROCESSES.primary.join('|'), COLOURS.primary),
    filled(PROCESSES.worker.join('|'), COLOURS.worker),
    filled('[^/]+[.]ts', '#ffffff'),
  ],
}

process.chdir(root)
process.exitCode = await main()

async function main(): Promise<number> {
  // Imports of types are not drawn, because a type runs no code of the other room.
  const { output } = await cruise(['src'], {
    tsPreCompilationDeps: false,
    includeOnly: '^src/',
    exclude: LEFT_OUT.join('|'),
    outputType: 'archi',
    prefix: '../',
    reporterOptions: { archi: { collapsePattern: '^src/[^/]+', showMetrics: false, theme: THEME } },
  })
  const lines = (output as string).split('\n')
  const upwards = lines.filter((line) => UPWARDS.includes(line.trim().replaceAll(/"(?:src\/)?/g, '')))
  const layered = lines.filter((line) => !upwards.includes(line)).join('\n')
  // tred removes each arrow that follows from others: a -> c if there are a -> b -> c.
  const reduced = graphviz('tred', [], layered)
  if (reduced === undefined) return 1
  const red = upwards.map((arrow) => `${arrow} [color="${COLOURS.upwards}" constraint=false]\n`).join('')
  const picture = graphviz('dot', ['-Tsvg'], reduced.replace(/}\s*$/, `${red}}`))
  if (picture === undefined) return 1
  writeFileSync(join(root, PICTURE), picture)
  process.stdout.write(`${PICTURE} is written\n`)
  return 0
}

function filled(names: string, fillcolor: string) {
  return { criteria: { source: `^src/(${names})$` }, attributes: { fillcolor } }
}

/**
 * Runs a program of Graphviz.
 *
 * @returns its output; undefined where it is missing or fails, after the reason on stderr
 */
function graphviz(program: 'tred' | 'dot', args: readonly string[], input: string): string | undefined {
  const { error, status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8' })
  if (error === undefined && status === 0) return stdout
  const reason = error === undefined ? stderr : `cannot run ${program} (${error.message}); install Graphviz first`
  process.stderr.write(`graph: ${reason}\n`)
  return undefined
}
