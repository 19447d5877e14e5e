// Reports a client's mistake to this client only, as JSON like every other answer.
import type { ErrorRequestHandler } from 'express'

/** Sentences by status that replace the texts of Express and its parsers. */
type Sentences = Readonly<Record<number, string>>

/** Error handler; use it last. An error that is not the client's is a bug and goes on to Express. */
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
