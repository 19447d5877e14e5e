// A program as it was written for sticky-session, with the workers that the environment asks for.
import { createServer } from 'node:http'
import { listen } from 'holdfast/compat'

const server = createServer((_, response) => response.end(JSON.stringify({ pid: process.pid })))
if (!listen(server, process.env['PORT'] ?? '', { workers: 2 })) server.once('listening', () => console.log('listening'))
