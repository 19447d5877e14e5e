// What a client does wrong is told to the client, as JSON like every other answer, and to nobody else.
import type { ErrorRequestHandler } from 'express'

/** By status, where there is more to say than what Express or its parsers say. */
type Sentences = Readonly<Record<number, string>>

/** To be used last. Anything else is a bug, and looks like one. */
export function jsonErrors(sentences: Sentences = {}): ErrorRequestHandler {
  return (error: unknown, _, response, next) => {
    const { status, message } = read(error)
    if (status < 400 || status > 499 || response.headersSent) return next(error)
    response.status(status).json({ error: sentences[status] ?? message })
  }
}

function read(error: unknown): { status: number; message: string } {
  if (!(error instanceof Error)) return { status: 500, message: '' }
  return { status: 'status' in error ? Number(error.status) : 500, message: error.message }
}
