// npm run bundle: makes in dist/ the files that the package has, from src/ and from the declarations that tsc wrote to
// build/. `npm pack` and `npm publish` do so before they pack; packaging/link.mjs undoes it.
import { cpSync, rmSync } from 'node:fs'
import { basename } from 'node:path'
import { rollup } from 'rollup'
import { dts } from 'rollup-plugin-dts'
import { DIST, entryPoints, ROOT } from './manifest.mjs'
import { readSources } from './sources.mjs'

const { faces, commands } = entryPoints()

/** Chunks by name, each with what the file imports statically and no chunk before it has. */
const CHUNKS = {
  // The code of every process.
  holdfast: 'src/index.ts',
  // The code of the primary.
  balancer: 'src/primary/balancer.ts',
  // The code of a worker with session rules.
  sessions: 'src/sessions/router.ts',
}

rmSync(DIST, { recursive: true, force: true })
await bundleCode([...faces, ...commands])
await bundleDeclarations(faces)

/** Bundles all entry points at once, with chunks in common: a program that imports several of them has each module once. */
async function bundleCode(names) {
  const { programs, copies, plugin } = readSources(ROOT)
  const bundle = await rollup({
    input: Object.fromEntries([
      ...names.map((name) => [name, `${ROOT}src/${name}.ts`]),
      ...programs.map((file) => [basename(file, '.ts'), file]),
    ]),
    external: isExternal,
    plugins: [plugin],
    // The tested code is published as it is: nothing is left out.
    treeshake: false,
    onwarn,
  })
  await bundle.write({
    dir: DIST,
    sourcemap: true,
    chunkFileNames: '[name]-[hash].js',
    // Each file costs a millisecond and a tenth of a megabyte, however small.
    manualChunks: (id, { getModuleInfo }) =>
      Object.keys(CHUNKS).find((name) => reached(ROOT + CHUNKS[name], getModuleInfo).has(id)),
  })
  for (const from of copies) cpSync(from, DIST + basename(from), { recursive: true })
}

/** Writes few declaration files, instead of one for each source file. */
async function bundleDeclarations(names) {
  const rolled = await rollup({
    input: Object.fromEntries(names.map((name) => [name, `${ROOT}build/src/${name}.d.ts`])),
    external: isExternal,
    plugins: [dts({ tsconfig: `${ROOT}tsconfig.json` })],
    onwarn,
  })
  await rolled.write({ dir: DIST, entryFileNames: '[name].d.ts', chunkFileNames: 'types-[hash].d.ts' })
}

/** Whether the module is Node's own, or of another package. */
function isExternal(id) {
  return !id.startsWith('.') && !id.startsWith('/')
}

function onwarn({ message }) {
  throw new Error(message)
}

/** @returns the file, and all files that it imports statically */
function reached(file, getModuleInfo, found = new Set()) {
  if (found.has(file)) return found
  found.add(file)
  for (const imported of getModuleInfo(file)?.importedIds ?? []) reached(imported, getModuleInfo, found)
  return found
}
