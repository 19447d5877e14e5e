// Shows the status of the balancer, refreshes it every second, and sends changes.

/** Milliseconds. */
const REFRESH_INTERVAL = 1_000

const byId = (id) => document.getElementById(id)

/** The last two statuses, each with its time: rates are differences between them. */
let previous
let current

async function refresh() {
  try {
    const response = await fetch('status', { cache: 'no-store' })
    if (!response.ok) throw new Error(`${response.status}`)
    previous = current
    current = { at: performance.now(), status: await response.json() }
    show(current.status)
  } catch {
    setText(byId('state'), 'no answer: the balancer has ended, or this page may not read from it', 'danger')
  }
  setTimeout(() => void refresh(), REFRESH_INTERVAL)
}

function show({ pid, address, uptime, steering, workers, standby, connections, bus, bridge }) {
  const ready = workers.filter(({ state }) => state === 'ready').length
  const isComplete = ready === workers.length
  setText(byId('state'), `${ready} of ${workers.length} workers ready`, isComplete ? 'muted' : 'warning')
  const place = address === null ? 'not listening' : addressText(address)
  byId('where').textContent = `${place} · pid ${pid} · ${steering.name} over ${steering.transport}`
  document.title = `Holdfast ${ready}/${workers.length}`
  const closed = Object.entries(connections.closed).filter(([, n]) => n > 0)
  figures(byId('figures'), [
    ['uptime', duration(uptime)],
    ['accepted connections', count(connections.accepted)],
    ['waiting for a worker', count(connections.pending)],
    ['moved for a session', count(connections.moved)],
    ['sent again', count(connections.redispatched)],
    ['bus messages', count(bus.relayed)],
    ...(standby > 0 ? [['standby processes', String(standby)]] : []),
    ...(bridge === undefined ? [] : [['other hosts', bridge.connected ? String(bridge.hosts) : 'not connected']]),
  ])
  byId('workers').replaceChildren(...workers.map(workerRow))
  const ends = workers.filter(({ lastExit }) => lastExit !== null)
  byId('ends').replaceChildren(...(ends.length === 0 ? [item('no process has ended')] : ends.map(endItem)))
  figures(
    byId('closed'),
    closed.length === 0 ? [['', 'none']] : closed.map(([reason, n]) => [reason, count(n)]),
    'reason',
  )
}

function workerRow(worker) {
  const { id, pid, state, healthy, slots, pending, restarts, uptime, beat, requests } = worker
  const last = previousWorker(id)
  const seconds = previous === undefined ? 0 : (current.at - previous.at) / 1_000
  const since = requests === undefined || last?.requests === undefined ? undefined : difference(requests, last.requests)
  const cpu =
    beat?.cpu === undefined || last?.beat?.cpu === undefined || last.pid !== pid || seconds === 0
      ? '–'
      : `${Math.min(999, Math.round((beat.cpu - last.beat.cpu) / seconds / 10))} %`
  const row = document.createElement('tr')
  const cells = [
    [`${id} · ${pid ?? 'no process'}`],
    [state === 'ready' || healthy ? state : `${state}, unhealthy`, state === 'ready' ? '' : 'warning'],
    [slots],
    [beat === null ? '–' : count(beat.connections) + (pending > 0 ? ` (+${pending})` : '')],
    [beat === null ? '–' : count(beat.served)],
    [since === undefined || seconds === 0 ? '–' : count(Math.round(since.answered / seconds))],
    [since === undefined || since.answered === 0 ? '–' : milliseconds((since.seconds / since.answered) * 1_000)],
    [requests === undefined ? '–' : count(requests.answered['5xx']), requests?.answered['5xx'] > 0 ? 'danger' : ''],
    [cpu],
    [beat === null ? '–' : `${beat.lag} ms`, beat?.lag > 500 ? 'danger' : ''],
    [beat === null ? '–' : `${Math.round(beat.rss / 2 ** 20)} MB`],
    [duration(uptime)],
    [restarts, restarts > 0 ? 'warning' : ''],
  ]
  row.append(
    ...cells.map(([text, tone = ''], i) => {
      const cell = document.createElement('td')
      cell.textContent = String(text)
      cell.className = `${tone} ${i > 1 ? 'number' : ''}`.trim()
      return cell
    }),
  )
  return row
}

function previousWorker(id) {
  return previous?.status.workers.find((worker) => worker.id === id)
}

function difference(requests, former) {
  const answered = (of) => Object.values(of.answered).reduce((sum, n) => sum + n, 0)
  return { answered: answered(requests) - answered(former), seconds: requests.seconds - former.seconds }
}

function endItem({ id, lastExit: { code, signal, failure, stderr } }) {
  const how = signal === null ? `code ${code}` : `signal ${signal}`
  const entry = item(`worker ${id}: ${how}${failure === undefined ? '' : `, ${failure}`}`)
  if (stderr.length > 0) {
    const text = document.createElement('pre')
    text.textContent = stderr.join('\n')
    entry.append(text)
  }
  return entry
}

function item(text) {
  const entry = document.createElement('li')
  entry.textContent = text
  return entry
}

function figures(list, pairs, kind = '') {
  list.replaceChildren(
    ...pairs.map(([name, value]) => {
      const pair = document.createElement('div')
      pair.className = kind
      const [term, detail] = ['dt', 'dd'].map((tag) => document.createElement(tag))
      term.textContent = name
      detail.textContent = value
      pair.append(term, detail)
      return pair
    }),
  )
}

function setText(element, text, tone) {
  element.hidden = false
  element.className = tone
  // An unchanged text is not written again, so that a screen reader does not repeat it.
  if (element.textContent !== text) element.textContent = text
}

/** Sends a change. The buttons are disabled until it is done, because only one change can run at a time. */
async function change(name, path) {
  for (const id of ['fewer', 'more', 'reload']) byId(id).disabled = true
  setText(byId('outcome'), `${name} …`, 'muted')
  try {
    const response = await fetch(path, { method: 'POST' })
    const { error } = await response.json()
    if (error === undefined) setText(byId('outcome'), `${name}: done`, 'muted')
    else setText(byId('outcome'), `${name}: ${error.message}`, 'danger')
  } catch {
    setText(byId('outcome'), `${name}: no answer`, 'danger')
  }
  for (const id of ['fewer', 'more', 'reload']) byId(id).disabled = false
}

function scaleBy(step) {
  if (current === undefined) return
  const workers = current.status.workers.length + step
  void change(`${workers} workers`, `scale?workers=${workers}`)
}

byId('more').addEventListener('click', () => scaleBy(1))
byId('fewer').addEventListener('click', () => scaleBy(-1))
byId('reload').addEventListener('click', () => void change('reload', 'reload'))
byId('ask').addEventListener('submit', (event) => {
  event.preventDefault()
  void explain()
})

async function explain() {
  const address = byId('address').value.trim()
  try {
    const response = await fetch(`explain?${new URLSearchParams({ address })}`)
    const { error, worker, slot, reason } = await response.json()
    if (error === undefined) setText(byId('explained'), `worker ${worker} (slot ${slot}): ${reason}`, '')
    else setText(byId('explained'), error.message, 'danger')
  } catch {
    setText(byId('explained'), 'no answer', 'danger')
  }
}

function addressText({ address, port }) {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`
}

function count(n) {
  return n.toLocaleString('en')
}

function milliseconds(n) {
  return n < 10 ? `${n.toFixed(1)} ms` : `${Math.round(n)} ms`
}

function duration(ms) {
  const seconds = Math.floor(ms / 1_000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`
  return `${Math.floor(seconds / 86_400)} days`
}

void refresh()
