// npm run bundle: makes in dist/ the package as it is published, from src/, from the declarations that tsc wrote to build/,
// and from the documents. dist/ has its own package.json, so that the one of the repository never changes: inside the
// repository 'holdfast' is build/src, one file per source file, as the tests and the demos need it.
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { rollup } from 'rollup'
import { dts } from 'rollup-plugin-dts'
import { entryPoints, publishedManifest } from './manifest.mjs'
import { readSources } from './sources.mjs'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const DIST = `${ROOT}dist/`
const DOCUMENTS = ['README.md', 'LICENSE', 'CHANGELOG.md', 'docs']

const manifest = publishedManifest(JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')))

rmSync(DIST, { recursive: true, force: true })
await code(entryPoints(manifest))
await declarations(entryPoints({ ...manifest, bin: {} }))
for (const document of DOCUMENTS) cpSync(ROOT + document, DIST + document, { recursive: true })
writeFileSync(`${DIST}package.json`, `${JSON.stringify(manifest, undefined, 2)}\n`)

/** All entry points at once, with chunks in common: whatever a program imports, each module exists once. */
async function code(names) {
  const { programs, copies, plugin } = readSources(ROOT)
  await build({
    absWorkingDir: ROOT,
    entryPoints: [
      ...names.map((name) => ({ in: `src/${name}.ts`, out: name })),
      ...programs.map((file) => ({ in: file, out: basename(file, '.ts') })),
    ],
    outdir: DIST,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    sourcemap: true,
    plugins: [plugin],
    logLevel: 'warning',
  })
  for (const from of copies) cpSync(from, DIST + basename(from), { recursive: true })
}

/** A few files with what the faces show, instead of one for each source file that has a type of theirs. */
async function declarations(names) {
  const rolled = await rollup({
    input: Object.fromEntries(names.map((name) => [name, `${ROOT}build/src/${name}.d.ts`])),
    // Other packages' and Node's types are imported, as the code does.
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
    plugins: [dts({ tsconfig: `${ROOT}tsconfig.json` })],
    onwarn({ message }) {
      throw new Error(message)
    },
  })
  await rolled.write({ dir: DIST, entryFileNames: '[name].d.ts', chunkFileNames: 'types-[hash].d.ts' })
}
