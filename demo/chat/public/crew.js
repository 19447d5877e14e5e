// The table of workers, the list of rooms with members, and the backplane.
import { badge } from './badge.js'

/** @param mine - id and pid of the worker that serves this tab */
export function drawWorkers(body, workers, mine) {
  const rows = workers.map(({ id, pid, clients, uptime, restarts, away }) => {
    const row = document.createElement('tr')
    row.dataset.worker = String(id)
    if (id === mine?.id && pid === mine.pid) row.dataset.mine = ''
    if (away) row.dataset.away = ''
    const head = cell('th', '')
    head.scope = 'row'
    head.append(badge(id))
    row.append(
      head,
      cell('td', pid),
      cell('td', clients),
      cell('td', away ? 'away' : inWords(uptime)),
      cell('td', restarts),
    )
    return row
  })
  body.replaceChildren(...rows)
}

export function drawRooms(list, rooms, current) {
  // The links are replaced only when they change, because a replaced link loses the focus.
  const names = [...new Set(['lobby', ...rooms, current])].filter(Boolean)
  const state = JSON.stringify([names, current])
  if (list.dataset.state === state) return
  list.dataset.state = state
  const lines = names.map((name) => {
    const line = document.createElement('li')
    const link = document.createElement('a')
    link.href = `#${encodeURIComponent(name)}`
    link.textContent = `# ${name}`
    if (name === current) link.setAttribute('aria-current', 'page')
    line.append(link)
    return line
  })
  list.replaceChildren(...lines)
}

export function drawBackplane(pill, { kind, connected }) {
  const name = kind === 'redis' ? 'Redis' : 'Node IPC'
  pill.hidden = false
  pill.dataset.connected = String(connected)
  pill.textContent = connected ? name : `${name} is away`
  pill.title = connected
    ? `Messages cross between workers through ${name}.`
    : 'The workers do not reach each other; tabs of the same worker chat on.'
}

function cell(tag, content) {
  const made = document.createElement(tag)
  made.textContent = String(content)
  return made
}

function inWords(milliseconds) {
  const seconds = Math.floor(milliseconds / 1_000)
  if (seconds < 100) return `${seconds} s`
  if (seconds < 6_000) return `${Math.floor(seconds / 60)} min`
  return `${Math.floor(seconds / 3_600)} h`
}
