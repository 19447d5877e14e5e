// How messages reach a service manager: see sd_notify(3). Two ways, a socket and a program, look like this.

/** Takes the messages of a process to the service manager that started it, in order. Never throws, never waits. */
export interface Notifier {
  /**
   * @param text - assignments, one per line
   * @param fd - a descriptor to go with it; the caller keeps his own. Where {@link canStore} is false it must not be given
   */
  send(text: string, fd?: number): void
  /** Whether descriptors can go along. */
  readonly canStore: boolean
  /** Resolves when the manager has dealt with all that was sent, or does not answer. */
  settled(): Promise<void>
}

/** Messages that wait at most: a manager that has stopped reading gets no more. */
export const MOST_WAITING = 1024
