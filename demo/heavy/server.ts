// Heavy work behind the balancer: it blocks one worker, or none.
import { createServer } from 'node:http'
import { stickyListen } from 'holdfast'
import { runDemo } from '../support/run.ts'

await runDemo(
  {
    name: 'heavy',
    shows: 'A long job blocks one event loop and its clients; in a thread of its own it blocks no client.',
  },
  (options) => {
    const sticky = stickyListen(async () => {
      const { heavyApp } = await import('./app.ts')
      return createServer(heavyApp(sticky.id ?? 0))
    }, options)
    return sticky
  },
  (url) => [
    'Open both addresses side by side. A blocking job stops the one pulse, not the other.',
    'Here the second request waits for the first:',
    `  curl ${url}/slow-blocking & curl ${url}/fast`,
    'And here it does not:',
    `  curl ${url}/slow-pooled & curl ${url}/fast`,
  ],
)
