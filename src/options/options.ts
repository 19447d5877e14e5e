// Every option, with its unit, default and an example. settings.ts checks them and fills in the defaults. Those about who
// a client is are in client-options.ts.
import type { AffinityOptions, ProxyProtocolOptions, SessionRule } from './client-options.ts'

export type * from './client-options.ts'

/**
 * How connections get to their worker.
 *
 * handoff: the primary accepts each and passes it on; everywhere. kernel: the kernel picks the worker's own socket;
 * Linux. auto: kernel where it works and nothing configured needs the primary, else handoff.
 */
export type SteeringChoice = 'handoff' | 'kernel' | 'auto'

/**
 * Who gets a new connection.
 *
 * address: the worker of the client's address. round-robin: the workers in turn. least-connections: whoever has the fewest.
 * With the last two a client keeps its worker only by its session: see `session`.
 */
export type Balance = 'address' | 'round-robin' | 'least-connections'

/** Bounds on what waits and what is served. */
export interface LimitsOptions {
  /**
   * Connections open at the same time, over all workers. Past it a new one is closed and counted. Needs hand-off.
   * @default no limit
   */
  maxConnections?: number
  /**
   * Connections open at the same time from one client address (one key: see `affinity`). Needs hand-off.
   * @default no limit
   */
  maxPerAddress?: number
  /**
   * How far above the average of all workers one may be before new clients go elsewhere: 1.25 is a quarter, and what
   * `true` means. Each goes to the next in an order of its own, and stays there. Needs hand-off and `balance: 'address'`.
   * @default off
   */
  loadFactor?: number | boolean
  /** Milliseconds that such a client keeps its place without a connection. @default 600000 */
  stickTimeout?: number
  /**
   * Connections accepted but not yet taken by their worker, over all workers. Past it a new one is closed and counted.
   * @default 4096
   */
  maxPending?: number
  /**
   * Milliseconds that a connection waits for its worker while that worker is down; after it, the worker's slots are
   * failed over to the others, and where there are none the connection is closed and counted. A worker that is there and hangs
   * is down once it is found out: see `health`.
   * @default 5000
   */
  holdTimeout?: number
}

/** When a worker that ended is started again. */
export interface RestartOptions {
  /** Milliseconds before the first restart; it doubles with each crash in a row. @default 100 */
  minDelay?: number
  /** The longest such delay in milliseconds. @default 30000 */
  maxDelay?: number
  /** Milliseconds of good service after which former crashes are forgotten. @default 10000 */
  stableAfter?: number
  /** Starts of one worker in a row that may fail before starting stops for a while. @default 5 */
  maxStartCrashes?: number
  /** Crashes of all workers within a minute after which starting stops for a while. @default 10 */
  maxCrashesPerMinute?: number
  /** Milliseconds until starting is tried again. @default 30000 */
  retryDelay?: number
  /**
   * What to do when starting has stopped and no worker is left that serves: end the primary with code 3, or keep
   * trying, while connections wait for `limits.holdTimeout` and are closed then.
   * @default 'exit'
   */
  onGiveUp?: 'exit' | 'keep'
  /**
   * Milliseconds after which a worker is replaced by a fresh one, up to a fifth earlier so that they do not all go at
   * once; one at a time, the new one ready first.
   * @default never
   * @example 24 * 3600_000
   */
  maxAge?: number
  /** Connections after which a worker is replaced by a fresh one, in the same way. @default never */
  maxServed?: number
}

/** When a worker is unwell, and when it is given up. */
export interface HealthOptions {
  /**
   * Milliseconds that a starting worker has to get ready; then it is ended and started again.
   * @default 30000
   */
  readyTimeout?: number
  /** Milliseconds without an acknowledgement after which a worker is asked for a sign of life. @default 1000 */
  ackTimeout?: number
  /** Milliseconds between two beats, and between two looks. @default 1000, or a third of `deadline` if that is less */
  interval?: number
  /**
   * Looks in a row with a late beat or a lag above `maxLag` that make a worker unhealthy: its slots fail over to the
   * others, as long as half of all workers are well. As many good looks make it healthy again.
   * @default 10
   */
  unhealthyAfter?: number
  /** Milliseconds that the event loop may be held up at once. @default 1000 */
  maxLag?: number
  /**
   * Milliseconds without a sign of life after which a worker is killed and replaced, and what it had not taken goes to
   * its replacement. Longer than the longest synchronous job in the application.
   * @default 30000
   */
  deadline?: number
  /**
   * Bytes of resident memory above which a worker is replaced, the new one ready first.
   * @default no limit
   * @example 512 * 1024 * 1024
   */
  maxRss?: number
  /** Bytes of V8 heap in use above which a worker is replaced, in the same way. @default no limit */
  maxHeap?: number
  /**
   * Milliseconds over which a heap that only grows (by a third and 32 MB at least, what garbage collection leaves
   * counted) is taken for a leak, and the worker replaced. 0 for never.
   * @default 0
   * @example 3600_000
   */
  growthWindow?: number
}

/** How workers are replaced on `reload()`, and how those that are not needed any more finish. */
export interface ReloadOptions {
  /** Workers replaced at a time. @default 1 */
  parallel?: number
  /** Milliseconds that an old worker has to finish what it serves; then it is killed. @default 30000 */
  deadline?: number
  /**
   * Milliseconds that the application has after its 'drain' event for its own goodbyes, before WebSockets are closed
   * with code 1012.
   * @default 1000
   */
  grace?: number
  /** Those are closed at random moments within so many milliseconds, so that not all come back at once. @default 5000 */
  spread?: number
  /** Signals to the primary that start a reload; SIGHUP ends everything instead where there is a terminal. `[]` for none.
   * @default ['SIGHUP', 'SIGUSR2'] */
  signals?: NodeJS.Signals[]
}

/** Where the admin interface listens. */
export interface AdminOptions {
  /** TCP port; 0 picks a free one, which the log tells. @default 9464 */
  port?: number
  /** Address to listen on. Whoever gets there can look; only this machine can do something. @default '127.0.0.1' */
  host?: string
  /**
   * Names that it is asked for by, besides addresses and localhost: that of a container, for example.
   * @default []
   */
  names?: readonly string[]
}

/** How things end. */
export interface ShutdownOptions {
  /** Milliseconds that workers have to finish what they serve; then they are killed. @default 10000 */
  deadline?: number
  /**
   * Signals that start the shutdown in the primary; a second one ends everything at once. `[]` to handle them yourself.
   * @default ['SIGTERM', 'SIGINT']
   */
  signals?: NodeJS.Signals[]
}

/** Receives one event with its fields; the names are listed in docs/logs.md. */
export type LogFunction = (event: string, fields: Readonly<Record<string, unknown>>) => void

/** Where log lines go. pino, winston and console fit through a small function per level. */
export interface Logger {
  debug: LogFunction
  info: LogFunction
  warn: LogFunction
  error: LogFunction
}

/** Options of {@link stickyListen}. All are optional. */
export interface StickyOptions {
  /**
   * TCP port; 0 picks a free one (see `address()`). Not looked at where a service manager passes a listening socket in.
   * @default the PORT environment variable, else 3000
   */
  port?: number
  /** Address to listen on. @default '::' (IPv6 and IPv4), '0.0.0.0' where IPv6 is off */
  host?: string
  /** Connections the kernel queues before they are accepted; it caps this at net.core.somaxconn. @default 4096 */
  backlog?: number
  /**
   * Number of worker processes, 1 to 256; 0 serves in this very process, without a primary: for development.
   * @default the WEB_CONCURRENCY environment variable, else os.availableParallelism()
   */
  workers?: number
  /** Program that the workers run. @default process.argv[1], this same program */
  exec?: string | URL
  /** Arguments for the workers. @default those of this process */
  args?: readonly string[]
  /** Environment variables for the workers, on top of those of this process (NODE_OPTIONS without --inspect). */
  env?: Readonly<Record<string, string>>
  /** Flags for the workers' Node. @default those of this process, without --inspect */
  execArgv?: readonly string[]
  /** How connections get to their worker. @default 'handoff' */
  steering?: SteeringChoice
  /** Who gets a new connection; all but 'address' need hand-off. @default 'address' */
  balance?: Balance
  /** What tells clients apart. */
  affinity?: AffinityOptions
  /**
   * Requests of one session go to one worker, whichever worker their connection is on: for clients that share an
   * address, or change it, and for proxies that mix clients on their connections. HTTP servers only. Of several rules
   * the first that fits counts.
   * @default none, and Socket.IO's own where attachSocketIO is used
   * @example ['socket.io', { cookie: 'worker' }]
   */
  session?: SessionRule | readonly SessionRule[]
  /** For behind a proxy that speaks the PROXY protocol; needs hand-off. @default false */
  proxyProtocol?: ProxyProtocolOptions | false
  /** Bounds on what waits and what is served. */
  limits?: LimitsOptions
  /** When a worker that ended is started again. */
  restart?: RestartOptions
  /** When a worker is unwell, and when it is given up. */
  health?: HealthOptions
  /** How workers are replaced by new ones of the same program. */
  reload?: ReloadOptions
  /** Ready processes on top of the workers; one of them takes a dead worker's place at once. @default 0 */
  standby?: number
  /**
   * Status, metrics for Prometheus and a page over HTTP, on a port of its own in the primary: `true` for port 9464 of
   * 127.0.0.1, or the port. Requests are counted then, too. See docs/admin.md.
   * @default false
   */
  admin?: AdminOptions | number | boolean
  /** How things end. */
  shutdown?: ShutdownOptions
  /** Where log lines go; `false` for nowhere. @default one line per event on stderr */
  logger?: Logger | false
  /** Closes everything when it aborts, as `close()` does. */
  signal?: AbortSignal
}
