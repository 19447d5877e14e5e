// Holdfast with one file per module, as tsc compiles it; 'holdfast' itself is the bundle while `npm run bench` runs.
import { serveHello } from '../support/hello.ts'

const holdfast = (await import(new URL('../../src/index.js', import.meta.url).href)) as typeof import('holdfast')

await serveHello(holdfast.stickyListen)
