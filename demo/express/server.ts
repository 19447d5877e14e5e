// An Express application behind the one call of Holdfast.
import { createServer } from 'node:http'
import { stickyListen } from 'holdfast'
import { runDemo } from '../support/run.ts'

await runDemo(
  { name: 'express', shows: 'An Express application on several workers, unchanged but for one call.' },
  (options) => {
    const sticky = stickyListen(async () => {
      const { app } = await import('./app.ts')
      const server = createServer(app)
      // The page shows this header. An application does not need to know its worker.
      server.prependListener('request', (_, response) => response.setHeader('X-Worker', `${sticky.id}`))
      return server
    }, options)
    return sticky
  },
  (url) => [
    'Write a note, then open the other address: another client, another worker, other notes.',
    'The header X-Worker names the worker that answered:',
    `  curl -i ${url}/notes --interface 127.0.0.2`,
    `  curl -i ${url}/notes --json '{"text":"buy bread"}'`,
  ],
)
