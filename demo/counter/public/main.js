// Shows the totals as they change, and the cost of each press of a button.
import { ask, drawOthers, paintWorker } from './shared.js'

const at = (id) => document.getElementById(id)
const reasons = {
  off: 'There is no Redis. Start the demo with --redis, or with REDIS_URL set.',
  away: 'Redis is away. The total is with it, and is here again when it is back.',
}

for (const card of document.querySelectorAll('.card')) {
  for (const button of card.querySelectorAll('button')) {
    button.addEventListener('click', () => void hit(card, Number(button.dataset.hits)))
  }
}
const totals = new EventSource('/totals')
// After a reconnection too: the worker may be another process then.
totals.addEventListener('open', () => void showWorker())
totals.addEventListener('message', ({ data }) => {
  for (const [way, total] of Object.entries(JSON.parse(data))) draw(at(way), total)
})
await drawOthers(at('others'))

async function hit(card, hits) {
  try {
    const { worker, pid, total, messages, cpu } = await ask(`/hit/${card.id}?n=${hits}`, { method: 'POST' })
    paintWorker(at('worker'), { worker, pid })
    draw(card, total)
    const times = hits === 1 ? '1 hit' : `${hits} hits`
    say(
      card,
      `${times}: ${messages} ${messages === 1 ? 'message' : 'messages'} to the primary, ${cpu.toFixed(1)} ms of its time.`,
    )
  } catch (error) {
    say(card, String(error.message))
  }
}

async function showWorker() {
  try {
    paintWorker(at('worker'), await ask('/worker'))
  } catch {
    at('worker').textContent = 'connecting …' // the next 'open' asks again
  }
}

/** @param total - a number, or the reason why there is no number */
function draw(card, total) {
  const reason = reasons[total]
  if (reason === undefined && card.classList.contains('off')) say(card, 'It is back.')
  card.classList.toggle('off', reason !== undefined)
  for (const button of card.querySelectorAll('button')) button.disabled = reason !== undefined
  card.querySelector('[data-total]').textContent = total.toLocaleString('en')
  if (reason !== undefined) say(card, reason)
}

function say(card, text) {
  card.querySelector('[data-cost]').textContent = text
}
