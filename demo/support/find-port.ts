// Port 3000 is often taken already: then a demo takes the next one, unless it was told which.
import { StickyError, type Sticky } from 'holdfast'

/** How many ports after the wanted one are tried. */
const ATTEMPTS = 20

export interface WantedPort {
  port: number
  /** Somebody insists on it. */
  fixedPort: boolean
}

/** @returns what `listen` returned, ready, on the first port that was free */
export async function listenFrom(wanted: WantedPort, listen: (port: number) => Sticky): Promise<Sticky> {
  for (let port = wanted.port; ; port++) {
    const sticky = listen(port)
    try {
      await sticky.ready
      return sticky
    } catch (error) {
      if (!(error instanceof StickyError && error.code === 'HOLDFAST_PORT_IN_USE')) {
        await sticky.close({ deadline: 0 })
        throw error
      }
      if (wanted.fixedPort || port >= Math.min(wanted.port + ATTEMPTS, 65535)) throw error
      console.log(`Port ${port} is taken, trying ${port + 1}.`)
    }
  }
}
