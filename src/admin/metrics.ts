// A status as metrics in the text format of Prometheus, version 0.0.4:
// https://prometheus.io/docs/instrumenting/exposition_formats/. Names and units follow its conventions: seconds, bytes,
// `_total` for what only grows. Pure.
import { BUCKETS } from '../ipc/request-counts.ts'
import type { Status, WorkerStatus } from '../sticky.ts'

export function metricsOf(status: Status): Metric[] {
  return [...balancerMetrics(status), ...workerMetrics(status.workers), ...requestMetrics(status.workers)]
}

function balancerMetrics({ uptime, steering, workers, standby, connections, entered, bus, bridge }: Status): Metric[] {
  const { accepted, moved, handedOff, spilled, redispatched, pauses, closed, pending } = connections
  const { name, transport, hash } = steering
  return [
    gauge('info', 'How the balancer works, in its labels; always 1.', [
      { labels: { steering: name, transport, hash }, value: 1 },
    ]),
    gauge('uptime_seconds', 'Time since stickyListen was called.', uptime / 1_000),
    gauge('workers', 'Number of workers.', workers.length),
    gauge('standby', 'Standby processes that are ready to take the place of a worker.', standby),
    counter('connections_accepted_total', 'Connections that the primary accepted.', accepted),
    counter(
      'connections_moved_total',
      'Connections passed from one worker to another, the worker of a session.',
      moved,
    ),
    counter('connections_handed_off_total', 'Connections that a worker took.', handedOff),
    counter('connections_spilled_total', 'Clients sent to another worker because of limits.loadFactor.', spilled),
    counter('connections_redispatched_total', 'Connections sent again because the first worker ended.', redispatched),
    counter(
      'connections_closed_total',
      'Connections closed without reaching a worker, by reason.',
      byLabel('reason', closed),
    ),
    counter('accept_pauses_total', 'Times that accepting stopped because file descriptors ran low.', pauses),
    gauge('connections_pending', 'Connections accepted that no worker has taken yet.', pending),
    counter('worker_states_total', 'Times that a process entered the state.', byLabel('state', entered)),
    counter('bus_frames_total', 'Bus frames received from workers.', bus.frames),
    counter('bus_messages_relayed_total', 'Bus messages passed on to workers.', bus.relayed),
    counter('bus_messages_dropped_total', 'Bus messages that a slow worker did not receive.', bus.dropped),
    ...(bridge === undefined
      ? []
      : [
          gauge(
            'bridge_connected',
            'Whether the bridge to other hosts is connected: 1 or 0.',
            Number(bridge.connected),
          ),
          gauge('bridge_hosts', 'Other hosts that the bridge knows.', bridge.hosts),
          counter('bridge_messages_sent_total', 'Messages sent to other hosts.', bridge.sent),
          counter('bridge_messages_received_total', 'Messages received from other hosts.', bridge.received),
          counter('bridge_messages_lost_total', 'Messages that did not reach Redis.', bridge.lost),
        ]),
  ]
}

function workerMetrics(workers: readonly WorkerStatus[]): Metric[] {
  const each = (value: (worker: WorkerStatus) => number | undefined): Sample[] =>
    workers.flatMap((worker) => {
      const found = value(worker)
      return found === undefined ? [] : [{ labels: { worker: worker.id }, value: found }]
    })
  return [
    gauge(
      'worker_ready',
      'Whether the worker is ready, which means healthy and enabled: 1 or 0.',
      each(({ state }) => Number(state === 'ready')),
    ),
    gauge(
      'worker_healthy',
      'Whether its heartbeats arrive in time and its event loop is not blocked: 1 or 0.',
      each(({ healthy }) => Number(healthy)),
    ),
    counter(
      'worker_restarts_total',
      'Earlier processes of the worker.',
      each(({ restarts }) => restarts),
    ),
    gauge(
      'worker_uptime_seconds',
      'Age of its process.',
      each(({ uptime }) => uptime / 1_000),
    ),
    gauge(
      'worker_slots',
      'Slots that it owns, of 256.',
      each(({ slots }) => slots),
    ),
    gauge(
      'worker_pending',
      'Connections that wait for it, or that it has not acknowledged yet.',
      each(({ pending }) => pending),
    ),
    gauge(
      'worker_connections',
      'Open connections.',
      each(({ beat }) => beat?.connections),
    ),
    counter(
      'worker_connections_taken_total',
      'Connections that its process took.',
      each(({ beat }) => beat?.served),
    ),
    gauge(
      'worker_event_loop_lag_seconds',
      'Longest delay of its event loop between the last two heartbeats.',
      each(({ beat }) => (beat === null ? undefined : beat.lag / 1_000)),
    ),
    counter(
      'worker_cpu_seconds_total',
      'CPU time of its process.',
      each(({ beat }) => (beat?.cpu === undefined ? undefined : beat.cpu / 1_000)),
    ),
    gauge(
      'worker_resident_memory_bytes',
      'Resident memory of its process.',
      each(({ beat }) => beat?.rss),
    ),
    gauge(
      'worker_heap_used_bytes',
      'V8 heap in use in its process.',
      each(({ beat }) => beat?.heapUsed),
    ),
  ]
}

function requestMetrics(workers: readonly WorkerStatus[]): Metric[] {
  const counting = workers.flatMap(({ id, requests }) => (requests === undefined ? [] : [{ worker: id, ...requests }]))
  return [
    counter(
      'requests_total',
      'Answered requests, by status class.',
      counting.flatMap(({ worker, answered }) =>
        Object.entries(answered).map(([code, value]) => ({ labels: { worker, code }, value })),
      ),
    ),
    counter(
      'requests_aborted_total',
      'Requests with a client that disconnected before the end of the answer.',
      counting.map(({ worker, aborted }) => ({ labels: { worker }, value: aborted })),
    ),
    counter(
      'upgrades_total',
      'Upgrade requests, to a WebSocket or another protocol.',
      counting.map(({ worker, upgrades }) => ({ labels: { worker }, value: upgrades })),
    ),
    {
      name: 'holdfast_request_duration_seconds',
      type: 'histogram',
      help: 'Time from the head of a request to the end of its answer.',
      samples: counting.flatMap(({ worker, buckets, seconds }) => histogram({ worker }, BUCKETS, buckets, seconds)),
    },
  ]
}

function gauge(name: string, help: string, samples: number | readonly Sample[]): Metric {
  return { name: `holdfast_${name}`, type: 'gauge', help, samples: sampled(samples) }
}

function counter(name: string, help: string, samples: number | readonly Sample[]): Metric {
  return { name: `holdfast_${name}`, type: 'counter', help, samples: sampled(samples) }
}

function sampled(samples: number | readonly Sample[]): readonly Sample[] {
  return typeof samples === 'number' ? [{ value: samples }] : samples
}

function byLabel(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }))
}

type Labels = Readonly<Record<string, string | number>>

interface Sample {
  labels?: Labels
  value: number
  /** Appended to the name of a histogram: `_bucket`, `_sum`, `_count`. */
  suffix?: string
}

export interface Metric {
  name: string
  type: 'counter' | 'gauge' | 'histogram'
  /** A sentence for the HELP line. */
  help: string
  samples: readonly Sample[]
}

/** The metrics as text. Metrics without samples are left out. */
export function exposition(metrics: readonly Metric[]): string {
  return metrics
    .filter(({ samples }) => samples.length > 0)
    .map(block)
    .join('')
}

/** @param buckets - the count of each bucket alone, without the smaller buckets; the last bucket has no bound */
export function histogram(
  labels: Labels,
  bounds: readonly number[],
  buckets: readonly number[],
  sum: number,
): Sample[] {
  let count = 0
  const samples: Sample[] = buckets.map((more, i) => {
    count += more
    return { suffix: '_bucket', labels: { ...labels, le: i < bounds.length ? (bounds[i] ?? 0) : '+Inf' }, value: count }
  })
  return [...samples, { suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: count }]
}

function block({ name, type, help, samples }: Metric): string {
  const lines = samples.map(({ labels = {}, value, suffix = '' }) => `${name}${suffix}${labelText(labels)} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
