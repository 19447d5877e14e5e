// Work that is done once at the end of a turn of the event loop, however often it is asked for during the turn.
import { realWorld, type World } from '../world.ts'

export class EndOfTurn {
  readonly #run: () => void
  readonly #world: Pick<World, 'setImmediate' | 'clearImmediate'>
  #scheduled: NodeJS.Immediate | undefined

  constructor(run: () => void, world: Pick<World, 'setImmediate' | 'clearImmediate'> = realWorld) {
    this.#run = run
    this.#world = world
  }

  /** Runs at the end of this turn. Further calls during the turn change nothing. */
  schedule(): void {
    this.#scheduled ??= this.#world.setImmediate(() => {
      this.#scheduled = undefined
      this.#run()
    })
  }

  /** The scheduled run is left out. */
  cancel(): void {
    this.#world.clearImmediate(this.#scheduled)
    this.#scheduled = undefined
  }
}
