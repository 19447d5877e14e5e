// What the code of src/ finds beside itself, by `new URL('…', import.meta.url)`: programs that it starts, pages that it
// serves, the package.json. A bundle has everything in one folder, so each such address is written anew.
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { basename, extname, join, relative, resolve } from 'node:path'
import ts from 'typescript'

/**
 * @param {string} root - folder of the repository
 * @returns {{ programs: string[], copies: string[], plugin: import('esbuild').Plugin }} `programs`: source files that
 *   need an output file of their own. `copies`: files and folders to lie beside the bundle, under their own names.
 */
export function ownFiles(root) {
  const src = join(root, 'src')
  const programs = new Set()
  const copies = new Set()
  /** New texts of source files, by their paths. */
  const texts = new Map()
  for (const name of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    const file = join(src, name)
    if (extname(file) !== '.ts') continue
    const text = readFileSync(file, 'utf8')
    if (!text.includes('import.meta')) continue
    const changes = addresses(file, text).map(({ start, end, address }) => ({
      start,
      end,
      address: moved(file, address),
    }))
    texts.set(file, replaced(text, changes))
  }
  return {
    programs: [...programs],
    copies: [...copies],
    plugin: {
      name: 'own-files',
      setup(build) {
        build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
          const contents = texts.get(path)
          return contents === undefined ? undefined : { contents, loader: 'ts' }
        })
      },
    },
  }

  /** @returns the address as it is from within the bundle, whose files lie in one folder */
  function moved(file, address) {
    // Addresses are those of the compiled files, which lie in build/ as the sources do in the root.
    const found = resolve(root, 'build', relative(root, file), '..', address)
    if (found === join(root, 'package.json')) return './package.json'
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
 * Where the source says `new URL(address, import.meta.url)`: of a text with placeholders, what stands before the first.
 *
 * @returns {{ start: number, end: number, address: string }[]}
 * @throws Error for any other use of `import.meta` than that and `createRequire(import.meta.url)`
 */
function addresses(file, text) {
  const found = []
  const visit = (node) => {
    if (ts.isMetaProperty(node)) {
      const call = node.parent.parent
      if (ts.isNewExpression(call) && call.expression.getText() === 'URL') {
        const [first] = call.arguments
        const literal = ts.isTemplateExpression(first) ? first.head : first
        // Quotes, or a backtick and the '${' of a placeholder.
        const start = literal.getStart() + 1
        found.push({ start, end: start + literal.text.length, address: literal.text })
      } else if (!ts.isCallExpression(call) || call.expression.getText() !== 'createRequire') {
        throw new Error(`${file}: a bundle cannot have this: ${call.getText()}`)
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true))
  return found
}

function replaced(text, changes) {
  let done = text
  for (const { start, end, address } of changes.toReversed()) done = done.slice(0, start) + address + done.slice(end)
  return done
}

function isThere(path) {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
