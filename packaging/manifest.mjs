// The package.json of what is published, from the one of the repository.

/** What only the repository needs. */
const OWN = ['private', 'scripts', 'devDependencies']

/** Where tsc puts the faces; the bundle has them in its own folder. */
const COMPILED = /^(\.\/)?build\/src\//

/** @returns the manifest for a package whose files lie beside it */
export function publishedManifest(manifest) {
  const kept = Object.entries(manifest).filter(([name]) => !OWN.includes(name))
  return { ...Object.fromEntries(kept), exports: moved(manifest.exports), bin: moved(manifest.bin) }
}

function moved(value) {
  if (typeof value === 'string') return value.replace(COMPILED, '$1')
  return Object.fromEntries(Object.entries(value).map(([name, target]) => [name, moved(target)]))
}

/** @returns names of the files in src/ that the exports and the commands start from, without extension */
export function entryPoints({ exports, bin }) {
  const files = [...Object.values(exports), ...Object.values(bin)].map((target) => target.default ?? target)
  return files.filter((file) => file.endsWith('.js')).map((file) => file.replace(/^\.\//, '').replace(/\.js$/, ''))
}
