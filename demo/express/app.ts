// An ordinary Express application, a notebook: no line here knows of workers. The notes are in this process.
import express from 'express'
import { jsonErrors } from '../support/json-errors.ts'
import { pages } from '../support/pages.ts'

/** Number of notes kept; older notes are dropped. */
const MAX_NOTES = 50
const MAX_TEXT = 200

const MAX_BODY = '100 kB'
const EXPECTED = 'expected a JSON body such as { "text": "buy bread" }'

const notes: string[] = []

export const app = express()
app.disable('x-powered-by')
app.use(express.json({ limit: MAX_BODY }))
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
  notes.unshift(text.trim().slice(0, MAX_TEXT))
  notes.length = Math.min(notes.length, MAX_NOTES)
  response.status(201).json({ pid: process.pid, notes })
})

app.use(jsonErrors({ 400: EXPECTED, 413: `a body may have ${MAX_BODY} at most` }))
