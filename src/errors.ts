// The closed table of error codes, and the class of errors at run time. docs/errors.md has a heading per code; a test
// compares the two.

/**
 * One sentence per code: what happened. docs/errors.md says what to do.
 *
 * HOLDFAST_BAD_OPTION is the code of a `TypeError` or `RangeError`, every other code that of a {@link StickyError}.
 */
export const ERROR_CODES = {
  HOLDFAST_BAD_OPTION: 'an option or an argument is invalid',
  HOLDFAST_PORT_IN_USE: 'another process listens on the port',
  HOLDFAST_PORT_DENIED: 'this user may not listen on the port',
  HOLDFAST_LISTEN_FAILED: 'the address could not be opened for listening',
  HOLDFAST_BAD_ACTIVATION: 'the descriptors passed to this process cannot be used',
  HOLDFAST_KERNEL_STEERING: 'kernel steering was requested but is not available',
  HOLDFAST_IN_NODE_CLUSTER: 'stickyListen was called in a worker of node:cluster',
  HOLDFAST_SECOND_LISTENER: 'stickyListen was called twice for the same port',
  HOLDFAST_NO_ENTRY: 'there is no program file to start as a worker',
  HOLDFAST_WORKER_NOT_READY: 'a worker did not get ready',
  HOLDFAST_RELOAD_FAILED: 'the new program did not get ready',
  HOLDFAST_BAD_TARGET: 'the target function did not return a server',
  HOLDFAST_SESSION_TARGET: 'the session option needs a server that speaks HTTP',
  HOLDFAST_OWNER_GONE: 'the worker of this session ended before it answered',
  HOLDFAST_TARGET_LISTENS: 'the application called listen() on a server that stickyListen attaches',
  HOLDFAST_MISSING_PACKAGE: 'an optional package that is needed here is not installed',
  HOLDFAST_BUS_AWAY: 'the bus cannot reach the other processes now',
  HOLDFAST_CLOSED: 'the balancer was closed before this was done',
} as const

/** A code of {@link ERROR_CODES}. Match on the code: the text of a message may change. */
export type ErrorCode = keyof typeof ERROR_CODES

/**
 * A failure at run time. A mistake in a call is a `TypeError` or `RangeError` with code HOLDFAST_BAD_OPTION instead,
 * thrown at once.
 */
export class StickyError extends Error {
  override readonly name = 'StickyError'
  /** What went wrong. */
  readonly code: ErrorCode

  /**
   * @param hint - the second part of the message, after the sentence of the code: the details, and what to do
   * @param cause - the error behind this one
   */
  constructor(code: ErrorCode, hint?: string, cause?: unknown) {
    const message = hint === undefined ? ERROR_CODES[code] : `${ERROR_CODES[code]}: ${hint}`
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** The text of any thrown value, for a log field. */
export function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The code of an error, such as `EADDRINUSE` or a code of {@link ERROR_CODES}; undefined when it has none. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
