// The options of stickyListen, for its users. Those about clients are in client-options.ts; settings.ts checks them
// all.
import type { Logger } from '../logger.ts'
import type { AffinityOptions, ProxyProtocolOptions, SessionRule } from './client-options.ts'

export type { LogFunction, Logger } from '../logger.ts'
export type * from './client-options.ts'

/**
 * How a connection reaches its worker.
 *
 * - `'handoff'`: the primary accepts the connection and passes it to the worker. On every platform.
 * - `'kernel'`: the kernel gives the connection to a socket of the worker. On Linux only.
 * - `'auto'`: `'kernel'` if it works here and no other option needs the primary, else `'handoff'`. The log says which,
 *   and why.
 */
export type SteeringChoice = 'handoff' | 'kernel' | 'auto'

/**
 * Which worker gets a new connection.
 *
 * - `'address'`: the worker of the client's address.
 * - `'round-robin'`: each worker in turn.
 * - `'least-connections'`: the worker with the fewest open connections.
 *
 * With the last two a client stays with its worker only through the `session` option.
 */
export type Balance = 'address' | 'round-robin' | 'least-connections'

/**
 * Limits on connections. The primary closes a connection above a limit, and counts it in `status()` with the reason.
 */
export interface LimitsOptions {
  /**
   * Open connections of all workers together. Needs hand-off.
   * @default Infinity
   */
  maxConnections?: number
  /**
   * Open connections from one client address, that is, from one affinity key (see `affinity`). Needs hand-off.
   * @default Infinity
   */
  maxPerAddress?: number
  /**
   * How many times the average number of connections one worker may have. Above it, the worker gets no new clients:
   * each of them goes to another worker and stays there. `true` means 1.25, `false` means off. Needs hand-off and
   * `balance: 'address'`.
   * @default false
   * @example 1.5 // at most 50% above the average
   */
  loadFactor?: number | boolean
  /**
   * Milliseconds for which a client that `loadFactor` sent to another worker keeps that worker after its last
   * connection.
   * @default 600000
   */
  stickTimeout?: number
  /**
   * Connections that the primary has accepted and no worker has taken yet, for all workers together.
   * @default 4096
   */
  maxPending?: number
  /**
   * Milliseconds for which connections wait for a worker that is down. After that its slots fail over to the other
   * workers, and without another worker the connections are closed. A worker that hangs counts as down once it is
   * detected: see `health`.
   * @default 5000
   */
  holdTimeout?: number
}

/** When a worker that ended is started again, and when a running worker is replaced by a new process. */
export interface RestartOptions {
  /** Milliseconds before the first restart. The delay doubles with each further crash in a row. @default 100 */
  minDelay?: number
  /** Milliseconds of the longest delay before a restart. @default 30000 */
  maxDelay?: number
  /**
   * Milliseconds of service after which earlier crashes of a worker no longer count, and after which a process that
   * leaves by itself is no failed start.
   * @default 10000
   */
  stableAfter?: number
  /**
   * Failed starts of one worker in a row after which restarts pause for `retryDelay`. A start has failed if the process
   * ended before it was ready, or if its program closed the server or exited with code 0 within `stableAfter`.
   * @default 5
   */
  maxStartCrashes?: number
  /** Crashes of all workers within one minute after which restarts pause for `retryDelay`. @default 10 */
  maxCrashesPerMinute?: number
  /** Milliseconds of such a pause. @default 30000 */
  retryDelay?: number
  /**
   * What the primary does when restarts pause and no worker serves. `'exit'`: it ends with exit code 3. `'keep'`: it
   * tries again after `retryDelay`; until then connections wait for `limits.holdTimeout` and are closed.
   * @default 'exit'
   */
  onGiveUp?: 'exit' | 'keep'
  /**
   * Age in milliseconds at which a worker is replaced by a new process. One worker is replaced at a time, and the new
   * process is ready first. Each worker is up to a fifth early, so that they are not all due at once.
   * @default Infinity
   * @example 24 * 3600_000 // once a day
   */
  maxAge?: number
  /** Connections after which a worker is replaced by a new process, in the same way. @default Infinity */
  maxServed?: number
}

/** When a worker is unhealthy, and when it is replaced. */
export interface HealthOptions {
  /**
   * Milliseconds that a process has to get ready. A process that takes longer is killed and started again.
   * @default 30000
   */
  readyTimeout?: number
  /**
   * Milliseconds after which the primary asks a worker for a sign of life, if it has not acknowledged a connection.
   * @default 1000
   */
  ackTimeout?: number
  /**
   * Milliseconds between two heartbeats of a worker, and between two health checks. At most half of `deadline`.
   * @default 1000, or a third of `deadline` if that is less
   */
  interval?: number
  /**
   * Failed health checks in a row that make a worker unhealthy. A check fails when the heartbeat is late or the event
   * loop was blocked for longer than `maxLag`. The slots of an unhealthy worker fail over to the other workers, as long
   * as at least half of the workers remain. As many good checks in a row make the worker healthy again.
   * @default 10
   */
  unhealthyAfter?: number
  /** Milliseconds for which a worker's event loop may be blocked without a failed check. @default 1000 */
  maxLag?: number
  /**
   * Milliseconds without a sign of life after which a worker is killed and replaced. The connections that it had not
   * taken go to the new process. Set it longer than the longest synchronous task of the application.
   * @default 30000
   */
  deadline?: number
  /**
   * Bytes of resident memory above which a worker is replaced by a new process. The new process is ready first.
   * @default Infinity
   * @example 512 * 1024 * 1024
   */
  maxRss?: number
  /** Bytes of used V8 heap above which a worker is replaced, in the same way. @default Infinity */
  maxHeap?: number
  /**
   * Milliseconds of a window in which growth of the heap counts as a memory leak: if the heap after garbage collection
   * grew all the time, by a third and by 32 MB at least, the worker is replaced in the same way. 0 means off.
   * @default 0
   * @example 3600_000 // one hour
   */
  growthWindow?: number
}

/** How `reload()` replaces workers, and how a replaced or removed worker finishes. */
export interface ReloadOptions {
  /** Workers that are replaced at the same time. @default 1 */
  parallel?: number
  /** Milliseconds that a replaced worker has to finish its open connections. Then it is killed. @default 30000 */
  deadline?: number
  /**
   * Milliseconds between the 'drain' event of a worker and the close of its WebSockets with code 1012. In this time the
   * application can end its long-lived connections itself. At most a quarter of the deadline.
   * @default 1000
   */
  grace?: number
  /**
   * Milliseconds over which these WebSockets are closed, each at a random moment, so that their clients do not all
   * reconnect at once. At most half of the deadline.
   * @default 5000
   */
  spread?: number
  /**
   * Signals to the primary that start a reload; `[]` for none. On a terminal SIGHUP ends the program instead.
   * @default ['SIGHUP', 'SIGUSR2']
   */
  signals?: NodeJS.Signals[]
}

/** Where the admin interface listens. */
export interface AdminOptions {
  /** TCP port. 0 picks a free port; the log line `admin.ready` has it. @default 9464 */
  port?: number | string | undefined
  /**
   * Address to listen on. Every client that can connect to it may read. Only programs on this machine may reload and
   * scale.
   * @default '127.0.0.1'
   */
  host?: string
  /**
   * Host names in requests that are allowed besides IP addresses and `localhost`.
   * @default []
   * @example ['app'] // the name of a container
   */
  names?: readonly string[]
}

/** How the balancer ends. */
export interface ShutdownOptions {
  /** Milliseconds that the workers have to finish their open connections. Then they are killed. @default 10000 */
  deadline?: number
  /**
   * Signals to the primary that start the shutdown; a second one kills all workers at once. `[]` if the application
   * handles signals itself.
   * @default ['SIGTERM', 'SIGINT']
   */
  signals?: NodeJS.Signals[]
}

/**
 * Options of {@link stickyListen}. All are optional. They are checked at once: an invalid option throws a `TypeError`
 * or `RangeError` with code HOLDFAST_BAD_OPTION, and the message says what was expected, what came and what to write.
 *
 * @example
 * stickyListen(server, { port: 3000, workers: 4, admin: 9464 })
 */
export interface StickyOptions {
  /**
   * TCP port, 0 to 65535, or a list of ports: one server behind all of them. Digits as text are a port too. 0 picks a free
   * port; `address()` returns it. Listening sockets from a service manager replace this option.
   * @default the environment variable PORT, else 3000
   * @example [3000, 3001]
   */
  port?: number | string | readonly (number | string)[] | undefined
  /**
   * Address or host name to listen on.
   * @default '::' for every IPv6 and IPv4 address; '0.0.0.0' on a machine without IPv6
   */
  host?: string
  /**
   * Connections that the kernel queues before they are accepted, 1 to 65535. Linux limits it to net.core.somaxconn.
   * @default 4096
   */
  backlog?: number
  /**
   * Number of worker processes, 1 to 256; also as text. 0 serves in this process, without a primary: for development.
   * @default the environment variable WEB_CONCURRENCY, else os.availableParallelism()
   */
  workers?: number | string | undefined
  /**
   * Program of the workers: a path or a file URL.
   * @default process.argv[1], the program that calls stickyListen
   * @example new URL('./worker.js', import.meta.url)
   */
  exec?: string | URL
  /** Command line arguments of the workers. @default those of this process */
  args?: readonly string[]
  /**
   * Working directory of the workers. It is resolved anew for each process: where the path leads through a symbolic
   * link, a reload follows the link to its new target, and `exec` and Node's flags are resolved in it.
   * @default the working directory of this process, by the path that the shell used (the variable PWD)
   * @example '/srv/app/current'
   */
  cwd?: string | URL
  /**
   * Environment variables of the workers, in addition to those of this process. From NODE_OPTIONS the debugger flags
   * (`--inspect`) are removed. A function is called for each process with the id of its worker; a standby has a negative
   * one.
   * @default {}
   * @example (worker) => ({ METRICS_PORT: String(9100 + worker) })
   */
  env?: Readonly<Record<string, string>> | ((worker: number) => Readonly<Record<string, string>>)
  /** Node flags of the workers. @default those of this process without the debugger flags */
  execArgv?: readonly string[]
  /** How a connection reaches its worker. @default 'handoff' */
  steering?: SteeringChoice
  /** Which worker gets a new connection. Every value but `'address'` needs hand-off. @default 'address' */
  balance?: Balance
  /** Which parts of an address identify a client. */
  affinity?: AffinityOptions
  /**
   * How to recognise sessions in HTTP requests. All requests of one session go to one worker, on whichever connection
   * they arrive: for clients that share an address or change it, and for proxies that mix clients on their connections.
   * With several rules the first rule that finds a session decides. For HTTP servers only.
   * @default none, and 'socket.io' when attachSocketIO is used
   * @example ['socket.io', { cookie: 'worker' }]
   */
  session?: SessionRule | readonly SessionRule[]
  /** For proxies in front that send the PROXY protocol. Needs hand-off. @default false */
  proxyProtocol?: ProxyProtocolOptions | false
  /** Limits on connections. */
  limits?: LimitsOptions
  /** When a worker that ended is started again. */
  restart?: RestartOptions
  /** When a worker is unhealthy, and when it is replaced. */
  health?: HealthOptions
  /** How `reload()` replaces workers. */
  reload?: ReloadOptions
  /**
   * Number of ready processes in addition to the workers, 0 to 256; also as text. When a worker dies, one of them takes its place at
   * once.
   * @default 0
   */
  standby?: number | string | undefined
  /**
   * Status, metrics for Prometheus and a page, over HTTP on a port of the primary. `true` means port 9464 of 127.0.0.1,
   * a number, or digits as text, is another port there. It also switches on the counting of requests. See docs/admin.md.
   * @default false
   */
  admin?: AdminOptions | number | string | boolean | undefined
  /** How the balancer ends. */
  shutdown?: ShutdownOptions
  /**
   * Milliseconds after which the keys of TLS session tickets change. All workers have the same keys, so that each resumes
   * the TLS sessions of the others; keys that the application sets are left alone. `false`: Holdfast sets no keys.
   * @default 86400000
   */
  ticketRotation?: number | false
  /** Receives log events; `false` for no log. @default one line per event on stderr */
  logger?: Logger | false
  /** Closes the balancer when it aborts, as `close()` does. */
  signal?: AbortSignal
}
