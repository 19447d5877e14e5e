// A program that knows nothing of Holdfast, for the command.
import { createServer } from 'node:http'

createServer((_, response) => response.end(JSON.stringify({ pid: process.pid }))).listen(process.env['PORT'])
