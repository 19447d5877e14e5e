// Tells the open pages of this worker the totals: asked once for all of them, and only while there are any.
import type { Response } from 'express'
import { readAll, type Tallies } from './tally.ts'

/** Milliseconds between two looks. */
const PACE = 250

export interface Live {
  /** Server-sent events, until the page is closed. */
  add(page: Response): void
  /** They would keep this worker from ending. Pages come back by themselves. */
  end(): void
}

export function liveTotals(tallies: Tallies): Live {
  const pages = new Set<Response>()
  let last = ''
  const look = async (): Promise<void> => {
    if (pages.size === 0) return
    const news = `data: ${JSON.stringify(await readAll(tallies))}\n\n`
    if (news !== last) for (const page of pages) page.write(news)
    last = news
  }
  setInterval(() => void look(), PACE).unref()
  return {
    add(page) {
      page.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
      page.write(`retry: 500\n\n${last}`)
      pages.add(page)
      page.once('close', () => pages.delete(page))
    },
    end() {
      for (const page of pages) page.end()
    },
  }
}
