// What a client does wrong is told to the client, as JSON like every other answer, and to nobody else.
import type { ErrorRequestHandler } from 'express'

/** By status, where there is more to say than what Express or its parsers say. */
type Sentences = Readonly<Record<number, string>>

/** To be used last. Anything else is a bug, and looks like one. */
export function jsonErrors(sentences: Sentences = {}): ErrorRequestHandler {
  return (error: unknown, _, response, next) => {
    const status = statusOf(error)
    if (status < 400 || status > 499 || response.headersSent) return next(error)
    response.status(status).json({ error: sentences[status] ?? String((error as Error).message) })
  }
}

function statusOf(error: unknown): number {
  return error instanceof Error && 'status' in error ? Number(error.status) : 500
}
