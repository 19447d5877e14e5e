// A notebook as anybody would write it with Express: nothing in here knows of workers. The notes are in this process.
import express from 'express'
import { jsonErrors } from '../support/json-errors.ts'
import { pages } from '../support/pages.ts'

/** Older ones are forgotten. */
const KEPT = 50
const LONGEST = 200

const LARGEST = '100 kB'
const EXPECTED = 'expected a JSON body such as { "text": "buy bread" }'

const notes: string[] = []

export const app = express()
app.disable('x-powered-by')
app.use(express.json({ limit: LARGEST }))
app.use(pages('express'))

app.get('/notes', (_, response) => {
  response.json({ pid: process.pid, notes })
})

app.post('/notes', (request, response) => {
  const { text } = (request.body ?? {}) as { text?: unknown }
  if (typeof text !== 'string' || text.trim() === '') {
    response.status(400).json({ error: EXPECTED })
    return
  }
  notes.unshift(text.trim().slice(0, LONGEST))
  notes.length = Math.min(notes.length, KEPT)
  response.status(201).json({ pid: process.pid, notes })
})

app.use(jsonErrors({ 400: EXPECTED, 413: `a body may have ${LARGEST} at most` }))
