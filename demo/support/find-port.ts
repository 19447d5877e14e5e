// Port 3000 is often in use. Then a demo takes the next free port, unless --port names one.
import { StickyError, type Sticky } from 'holdfast'

/** How many ports after the wanted one are tried. */
const ATTEMPTS = 20

export interface WantedPort {
  port: number
  /** Use this port only, never the next one. */
  fixedPort: boolean
}

/** @returns the result of `listen`, ready, on the first free port */
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
