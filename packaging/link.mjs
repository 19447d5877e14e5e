// The end of `npm run build`: each file that package.json exports becomes one line that leads to the compiled file in
// build/src. So the tests, the demos and the benchmarks import 'holdfast' as users do, and run what tsc has compiled.
// `npm pack` puts the bundle in the place of these files and changes the documents, and brings both back afterwards.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { restoreDocuments } from './documents.mjs'
import { DIST, entryPoints } from './manifest.mjs'

const { faces, commands } = entryPoints()

rmSync(DIST, { recursive: true, force: true })
mkdirSync(DIST)
for (const name of faces) {
  const line = `export * from '../build/src/${name}.js'\n`
  writeFileSync(`${DIST}${name}.js`, line)
  writeFileSync(`${DIST}${name}.d.ts`, line)
}
for (const name of commands) {
  writeFileSync(`${DIST}${name}.js`, `#!/usr/bin/env node\nimport '../build/src/${name}.js'\n`, { mode: 0o755 })
}

restoreDocuments()
