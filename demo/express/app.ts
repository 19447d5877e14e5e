// A notebook as anybody would write it with Express: nothing in here knows of workers. The notes are in this process.
import express from 'express'
import { pages } from '../support/pages.ts'

/** Older ones are forgotten. */
const KEPT = 50
const LONGEST = 200

const notes: string[] = []

export const app = express()
app.disable('x-powered-by')
app.use(express.json())
app.use(pages('express'))

app.get('/notes', (_, response) => {
  response.json({ pid: process.pid, notes })
})

app.post('/notes', (request, response) => {
  const { text } = (request.body ?? {}) as { text?: unknown }
  if (typeof text !== 'string' || text.trim() === '') {
    response.status(400).json({ error: 'expected a JSON body such as { "text": "buy bread" }' })
    return
  }
  notes.unshift(text.trim().slice(0, LONGEST))
  notes.length = Math.min(notes.length, KEPT)
  response.status(201).json({ pid: process.pid, notes })
})
