// npm run bundle: makes in dist/ the package as it is published, from src/, from the declarations that tsc wrote to build/,
// and from the documents. dist/ has its own package.json, so that the one of the repository never changes: inside the
// repository 'holdfast' is build/src, one file per source file, as the tests and the demos need it.
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rollup } from 'rollup'
import { dts } from 'rollup-plugin-dts'
import { entryPoints, publishedManifest } from './manifest.mjs'
import { readSources } from './sources.mjs'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const DIST = `${ROOT}dist/`
/** Chunks by name, each of what the file imports at once: what every process needs, then what session rules need. */
const CHUNKS = { holdfast: 'src/index.ts', sessions: 'src/sessions/router.ts' }
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
  const bundle = await rollup({
    input: Object.fromEntries([
      ...names.map((name) => [name, `${ROOT}src/${name}.ts`]),
      ...programs.map((file) => [basename(file, '.ts'), file]),
    ]),
    external: isExternal,
    plugins: [plugin],
    // All of it is used, and what was tested is published: nothing is left out.
    treeshake: false,
    onwarn,
  })
  await bundle.write({
    dir: DIST,
    sourcemap: true,
    chunkFileNames: '[name]-[hash].js',
    // A file costs a millisecond, and a tenth of a megabyte, however small it is.
    manualChunks: (id, { getModuleInfo }) =>
      Object.keys(CHUNKS).find((name) => reached(ROOT + CHUNKS[name], getModuleInfo).has(id)),
  })
  for (const from of copies) cpSync(from, DIST + basename(from), { recursive: true })
}

/** A few files with what the faces show, instead of one for each source file that has a type of theirs. */
async function declarations(names) {
  const rolled = await rollup({
    input: Object.fromEntries(names.map((name) => [name, `${ROOT}build/src/${name}.d.ts`])),
    external: isExternal,
    plugins: [dts({ tsconfig: `${ROOT}tsconfig.json` })],
    onwarn,
  })
  await rolled.write({ dir: DIST, entryFileNames: '[name].d.ts', chunkFileNames: 'types-[hash].d.ts' })
}

/** Node's own modules and other packages. */
function isExternal(id) {
  return !id.startsWith('.') && !id.startsWith('/')
}

function onwarn({ message }) {
  throw new Error(message)
}

/** @returns the file, and all that it imports at once */
function reached(file, getModuleInfo, found = new Set()) {
  if (found.has(file)) return found
  found.add(file)
  for (const imported of getModuleInfo(file)?.importedIds ?? []) reached(imported, getModuleInfo, found)
  return found
}
