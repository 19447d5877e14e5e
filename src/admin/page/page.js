// Shows the status, again every second, and asks for changes.

const PERIOD = 1_000

const by = (id) => document.getElementById(id)

/** The status before the present one: rates are differences. */
let before
let now

async function look() {
  try {
    const response = await fetch('status', { cache: 'no-store' })
    if (!response.ok) throw new Error(`${response.status}`)
    before = now
    now = { at: performance.now(), status: await response.json() }
    show(now.status)
  } catch {
    tell(by('state'), 'no answer: the balancer is closed, or this page is not allowed to look', 'danger')
  }
  setTimeout(() => void look(), PERIOD)
}

function show({ pid, address, uptime, steering, workers, standby, connections, bus, bridge }) {
  const ready = workers.filter(({ state }) => state === 'ready').length
  const all = ready === workers.length
  tell(by('state'), `${ready} of ${workers.length} workers ready`, all ? 'muted' : 'warning')
  const place = address === null ? 'not listening' : addressText(address)
  by('where').textContent = `${place} · pid ${pid} · ${steering.name} over ${steering.transport}`
  document.title = `Holdfast ${ready}/${workers.length}`
  const closed = Object.entries(connections.closed).filter(([, n]) => n > 0)
  figures(by('figures'), [
    ['up', duration(uptime)],
    ['accepted', count(connections.accepted)],
    ['pending', count(connections.pending)],
    ['moved for sessions', count(connections.moved)],
    ['sent again', count(connections.redispatched)],
    ['bus messages', count(bus.relayed)],
    ...(standby > 0 ? [['standby', String(standby)]] : []),
    ...(bridge === undefined ? [] : [['other hosts', bridge.connected ? String(bridge.hosts) : 'not reached']]),
  ])
  by('workers').replaceChildren(...workers.map(workerRow))
  const ends = workers.filter(({ lastExit }) => lastExit !== null)
  by('ends').replaceChildren(...(ends.length === 0 ? [item('none ended')] : ends.map(endItem)))
  figures(
    by('closed'),
    closed.length === 0 ? [['', 'none']] : closed.map(([reason, n]) => [reason, count(n)]),
    'reason',
  )
}

function workerRow(worker) {
  const { id, pid, state, healthy, slots, pending, restarts, uptime, beat, requests } = worker
  const last = earlier(id)
  const seconds = before === undefined ? 0 : (now.at - before.at) / 1_000
  const since = requests === undefined || last?.requests === undefined ? undefined : difference(requests, last.requests)
  const cpu =
    beat?.cpu === undefined || last?.beat?.cpu === undefined || last.pid !== pid || seconds === 0
      ? '–'
      : `${Math.min(999, Math.round((beat.cpu - last.beat.cpu) / seconds / 10))} %`
  const row = document.createElement('tr')
  const cells = [
    [`${id} · ${pid ?? 'no process'}`],
    [state === 'ready' || healthy ? state : `${state}, not well`, state === 'ready' ? '' : 'warning'],
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

function earlier(id) {
  return before?.status.workers.find((worker) => worker.id === id)
}

function difference(requests, former) {
  const answered = (of) => Object.values(of.answered).reduce((sum, n) => sum + n, 0)
  return { answered: answered(requests) - answered(former), seconds: requests.seconds - former.seconds }
}

function endItem({ id, lastExit: { code, signal, failure, stderr } }) {
  const how = signal === null ? `code ${code}` : `signal ${signal}`
  const one = item(`worker ${id}: ${how}${failure === undefined ? '' : `, ${failure}`}`)
  if (stderr.length > 0) {
    const text = document.createElement('pre')
    text.textContent = stderr.join('\n')
    one.append(text)
  }
  return one
}

function item(text) {
  const one = document.createElement('li')
  one.textContent = text
  return one
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

function tell(element, text, tone) {
  element.hidden = false
  element.className = tone
  // Nothing new is not said again to who listens.
  if (element.textContent !== text) element.textContent = text
}

/** One change at a time. */
async function change(what, path) {
  for (const id of ['fewer', 'more', 'reload']) by(id).disabled = true
  tell(by('outcome'), `${what} …`, 'muted')
  try {
    const response = await fetch(path, { method: 'POST' })
    const { error } = await response.json()
    if (error === undefined) tell(by('outcome'), `${what}: done`, 'muted')
    else tell(by('outcome'), `${what}: ${error.message}`, 'danger')
  } catch {
    tell(by('outcome'), `${what}: no answer`, 'danger')
  }
  for (const id of ['fewer', 'more', 'reload']) by(id).disabled = false
}

function scaleBy(step) {
  if (now === undefined) return
  const workers = now.status.workers.length + step
  void change(`${workers} workers`, `scale?workers=${workers}`)
}

by('more').addEventListener('click', () => scaleBy(1))
by('fewer').addEventListener('click', () => scaleBy(-1))
by('reload').addEventListener('click', () => void change('reload', 'reload'))
by('ask').addEventListener('submit', (event) => {
  event.preventDefault()
  void explain()
})

async function explain() {
  const address = by('address').value.trim()
  try {
    const response = await fetch(`explain?${new URLSearchParams({ address })}`)
    const { error, worker, slot, reason } = await response.json()
    if (error === undefined) tell(by('explained'), `worker ${worker} (slot ${slot}): ${reason}`, '')
    else tell(by('explained'), error.message, 'danger')
  } catch {
    tell(by('explained'), 'no answer', 'danger')
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

void look()
