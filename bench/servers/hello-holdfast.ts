// Holdfast as its README shows it.
import { stickyListen } from 'holdfast'
import { serveHello } from '../support/hello.ts'

await serveHello(stickyListen)
