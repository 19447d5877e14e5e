// The source files for the bundle, with two changes.
//
// Files that the code finds by `new URL('…', import.meta.url)` (programs to start, pages to serve, the package.json) get
// another address, because the bundle lies in one folder.
//
// Node's own modules are loaded by `process.getBuiltinModule()` instead of `import`. An import of node:fs lists all exports
// of node:fs, and so loads fs/promises as well; in the same way node:util loads its parser of arguments, and node:net its
// block lists. Without these a worker is one megabyte smaller.
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { basename, extname, join, relative, resolve } from 'node:path'
import ts from 'typescript'

/**
 * @param {string} root - folder of the repository
 * @returns {{ programs: string[], copies: string[], plugin: import('rollup').Plugin }} `programs`: source files that
 *   need an output file of their own. `copies`: files and folders that are copied beside the bundle, under their own names.
 */
export function readSources(root) {
  const src = join(root, 'src')
  const programs = new Set()
  const copies = new Set()
  /** The changed sources, by path. */
  const outputs = new Map()
  for (const name of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    const file = join(src, name)
    if (extname(file) !== '.ts') continue
    const text = readFileSync(file, 'utf8')
    const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
    const moved = addresses(tree).map(({ address, ...where }) => ({ ...where, text: fromBundle(file, address) }))
    outputs.set(file, compiled(file, replaced(text, [...builtins(tree), ...moved]), text))
  }
  return {
    programs: [...programs],
    copies: [...copies],
    plugin: { name: 'sources', load: (id) => outputs.get(id) },
  }

  /** @returns the address relative to a file of the bundle */
  function fromBundle(file, address) {
    // The addresses hold for the compiled files, which lie in build/ as the sources lie in the root.
    const found = resolve(root, 'build', relative(root, file), '..', address)
    if (found === join(root, 'package.json')) return '../package.json'
    const program = found.replace(join(root, 'build/src'), src).replace(/\.js$/, '.ts')
    if (extname(found) === '.js' && isThere(program)) {
      programs.add(program)
      return `./${basename(found)}`
    }
    if (!isThere(found)) throw new Error(`${file}: there is nothing at ${address}`)
    copies.add(found)
    return `./${basename(found)}${address.endsWith('/') ? '/' : ''}`
  }
}

/**
 * Finds `new URL(address, import.meta.url)`. Of an address with placeholders it returns the text before the first one.
 *
 * @throws Error for any other use of `import.meta` than that and `createRequire(import.meta.url)`
 */
function addresses(tree) {
  const found = []
  const visit = (node) => {
    if (ts.isMetaProperty(node)) {
      const call = node.parent.parent
      if (ts.isNewExpression(call) && call.expression.getText() === 'URL') {
        const [first] = call.arguments
        const literal = ts.isTemplateExpression(first) ? first.head : first
        // After the quote or the backtick.
        const start = literal.getStart() + 1
        found.push({ start, end: start + literal.text.length, address: literal.text })
      } else if (!ts.isCallExpression(call) || call.expression.getText() !== 'createRequire') {
        throw new Error(`${tree.fileName}: a bundle cannot have this: ${call.getText()}`)
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

/** The imports of Node's own modules, each with the code that replaces it. */
function builtins(tree) {
  return tree.statements
    .filter((statement) => ts.isImportDeclaration(statement) && statement.moduleSpecifier.text.startsWith('node:'))
    .map((statement) => {
      const { importClause: clause, moduleSpecifier: specifier } = statement
      const taken = `process.getBuiltinModule('${specifier.text}')`
      const start = statement.getStart()
      const end = statement.getEnd()
      // The number of lines stays the same, for the source maps.
      const lines = statement.getText().replaceAll(/[^\n]/g, '')
      return {
        start,
        end,
        text:
          names(clause)
            .map((name) => `const ${name} = ${taken};`)
            .join(' ') + lines,
      }
    })
}

/** The names that an import declares, as they stand in a `const` declaration; none where all of them are types. */
function names({ isTypeOnly, name, namedBindings: bindings }) {
  if (isTypeOnly) return []
  const all = name === undefined ? [] : [name.text]
  if (bindings === undefined) return all
  if (ts.isNamespaceImport(bindings)) return [...all, bindings.name.text]
  const values = bindings.elements.filter((element) => !element.isTypeOnly)
  const each = values.map((element) =>
    [element.propertyName, element.name].flatMap((part) => part?.text ?? []).join(': '),
  )
  return values.length === 0 ? all : [...all, `{ ${each.join(', ')} }`]
}

/**
 * @param {string} original - the source text, which the source map contains
 * @returns JavaScript without comments, and its map
 */
function compiled(fileName, text, original) {
  const compilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    removeComments: true,
    sourceMap: true,
  }
  const { outputText, sourceMapText } = ts.transpileModule(text, { fileName, compilerOptions })
  return { code: outputText, map: { ...JSON.parse(sourceMapText), sourcesContent: [original] } }
}

function replaced(text, changes) {
  let done = text
  for (const { start, end, text: instead } of changes.toSorted((a, b) => b.start - a.start)) {
    done = done.slice(0, start) + instead + done.slice(end)
  }
  return done
}

function isThere(path) {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
