// The documents in the package: a link to a file that the package does not have, such as a test, leads to the repository
// instead. `npm pack` and `npm publish` change the documents before they pack; packaging/link.mjs brings them back.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packedPaths, repositoryUrl, ROOT } from './manifest.mjs'

/** Folder of the documents as they were, while they are changed. */
const KEPT = join(ROOT, 'build/documents')

// Run as a program: `node packaging/documents.mjs`.
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) rewriteDocuments()

export function rewriteDocuments() {
  restoreDocuments()
  for (const file of documents()) {
    const text = readFileSync(join(ROOT, file), 'utf8')
    const packed = withPackedLinks(text, file)
    if (packed === text) continue
    keep(file)
    writeFileSync(join(ROOT, file), packed)
  }
}

/** Brings back each document that {@link rewriteDocuments} has changed, unless it was edited since. */
export function restoreDocuments() {
  if (!existsSync(KEPT)) return
  for (const name of readdirSync(KEPT, { recursive: true, encoding: 'utf8' }).filter(isDocument)) {
    const text = readFileSync(join(KEPT, name), 'utf8')
    const isUnchanged = readFileSync(join(ROOT, name), 'utf8') === withPackedLinks(text, name)
    if (isUnchanged) writeFileSync(join(ROOT, name), text)
  }
  rmSync(KEPT, { recursive: true, force: true })
}

/** Paths of the documents in the package. npm always packs the README. */
function documents() {
  const found = packedPaths().flatMap((path) =>
    statSync(join(ROOT, path), { throwIfNoEntry: false })?.isDirectory()
      ? readdirSync(join(ROOT, path), { recursive: true, encoding: 'utf8' }).map((name) => join(path, name))
      : [path],
  )
  return found.filter(isDocument)
}

function isDocument(path) {
  return path.endsWith('.md')
}

/**
 * @param {string} text - of the document
 * @param {string} file - path of the document in the repository
 */
function withPackedLinks(text, file) {
  return text.replaceAll(/\]\((?![\w+.-]+:|#)([^)#\s]+)(#[^)\s]*)?\)/g, (link, target, anchor = '') => {
    const path = relative(ROOT, join(ROOT, dirname(file), target))
    return isPacked(path) ? link : `](${repositoryUrl(path)}${anchor})`
  })
}

function isPacked(path) {
  return packedPaths().some((packed) => path === packed || path.startsWith(`${packed}/`))
}

function keep(file) {
  mkdirSync(dirname(join(KEPT, file)), { recursive: true })
  cpSync(join(ROOT, file), join(KEPT, file))
}
