// Shows both counts, and who answered.
import { ask, drawOthers, paintWho } from './shared.js'

const at = (id) => document.getElementById(id)
const stores = ['memory', 'redis']
/** What the page says of each. */
const hints = Object.fromEntries(stores.map((store) => [store, at(store).querySelector('[data-hint]').textContent]))

at('visit').addEventListener('click', () => void show('POST'))
at('kill').addEventListener('click', () => void kill())
await Promise.all([show('GET'), drawOthers(at('others'))])

async function show(method) {
  at('news').textContent = ''
  for (const store of stores) await showOne(store, method)
}

/** One store may fail alone. */
async function showOne(store, method) {
  try {
    const { worker, pid, visits } = await ask(`/${store}`, { method })
    paintWho(at('who'), { worker, pid })
    if (visits === null) draw(at(store), 'off', 'Start the demo with --redis, or with REDIS_URL set.')
    else draw(at(store), visits, hints[store])
  } catch (error) {
    draw(at(store), 'away', String(error.message))
  }
}

/** @param visits - their number, or why there is none */
function draw(card, visits, hint) {
  card.classList.toggle('off', typeof visits === 'string')
  card.querySelector('[data-visits]').textContent = String(visits)
  card.querySelector('[data-hint]').textContent = hint
}

async function kill() {
  try {
    const { worker, pid } = await ask('/kill', { method: 'POST' })
    await show('GET')
    at('news').textContent = `Process ${pid} of worker ${worker} is gone, and what it had in memory.`
  } catch (error) {
    at('news').textContent = String(error.message)
  }
}
