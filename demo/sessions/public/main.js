// Shows both counts and the worker that answered.
import { ask, drawOthers, paintWorker } from './shared.js'

const at = (id) => document.getElementById(id)
const stores = ['memory', 'redis']
/** The hint of each store, as the page has it. */
const hints = Object.fromEntries(stores.map((store) => [store, at(store).querySelector('[data-hint]').textContent]))

at('visit').addEventListener('click', () => void show('POST'))
at('kill').addEventListener('click', () => void kill())
await Promise.all([show('GET'), drawOthers(at('others'))])

async function show(method) {
  at('news').textContent = ''
  for (const store of stores) await showOne(store, method)
}

/** Shows the count of one store. One store may fail while the other works. */
async function showOne(store, method) {
  try {
    const { worker, pid, visits } = await ask(`/${store}`, { method })
    paintWorker(at('worker'), { worker, pid })
    if (visits === null) draw(at(store), 'off', 'Start the demo with --redis, or with REDIS_URL set.')
    else draw(at(store), visits, hints[store])
  } catch (error) {
    draw(at(store), 'away', String(error.message))
  }
}

/** @param visits - the number of visits, or a text where the store gave none */
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
