// Shows the totals as they change, and what a press of a button has cost.
import { ask, drawOthers, paintWho } from './shared.js'

const at = (id) => document.getElementById(id)

for (const card of document.querySelectorAll('.card')) {
  for (const button of card.querySelectorAll('button')) {
    button.addEventListener('click', () => void hit(card, Number(button.dataset.hits)))
  }
}
new EventSource('/totals').addEventListener('message', ({ data }) => {
  for (const [way, total] of Object.entries(JSON.parse(data))) draw(at(way), total)
})
paintWho(at('who'), await ask('/who'))
await drawOthers(at('others'))

async function hit(card, hits) {
  try {
    const { worker, pid, total, messages, cpu } = await ask(`/hit/${card.id}?n=${hits}`, { method: 'POST' })
    paintWho(at('who'), { worker, pid })
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

/** @param total - null: off, or away */
function draw(card, total) {
  const isOff = total === null
  card.classList.toggle('off', isOff)
  for (const button of card.querySelectorAll('button')) button.disabled = isOff
  card.querySelector('[data-total]').textContent = isOff ? 'off' : total.toLocaleString('en')
  if (isOff) say(card, 'There is no Redis. Start the demo with --redis, or with REDIS_URL set.')
}

function say(card, text) {
  card.querySelector('[data-cost]').textContent = text
}
