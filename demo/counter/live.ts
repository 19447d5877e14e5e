// Sends the totals to the open pages of this worker. One read serves all pages; without a page nothing is read.
import type { Response } from 'express'
import { readAll, type Tallies } from './tally.ts'

/** Milliseconds between two reads of the totals. */
const INTERVAL = 250

export interface Live {
  /** Sends server-sent events to the page until it is closed. */
  add(page: Response): void
  /** Ends all event streams, which would keep this worker from ending, and later ones at once. The pages reconnect. */
  end(): void
}

export function liveTotals(tallies: Tallies): Live {
  const pages = new Set<Response>()
  let last = ''
  let isEnding = false
  const update = async (): Promise<void> => {
    if (pages.size === 0) return
    const news = `data: ${JSON.stringify(await readAll(tallies))}\n\n`
    if (news !== last) for (const page of pages) page.write(news)
    last = news
  }
  setInterval(() => void update(), INTERVAL).unref()
  return {
    add(page) {
      page.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
      page.write(`retry: 500\n\n${last}`)
      // A page may reconnect over the connection that it has. This answer says that the connection ends.
      if (isEnding) page.end()
      else pages.add(page)
      page.once('close', () => pages.delete(page))
    },
    end() {
      isEnding = true
      for (const page of pages) page.end()
    },
  }
}
