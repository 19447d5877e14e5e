// Shows both counts, and who answered.
import { ask, drawOthers, paintWho } from './shared.js'

const at = (id) => document.getElementById(id)
const stores = ['memory', 'redis']

at('visit').addEventListener('click', () => void show('POST'))
at('kill').addEventListener('click', () => void kill())
await show('GET')
await drawOthers(at('others'))

async function show(method) {
  try {
    for (const store of stores) {
      const { worker, pid, visits } = await ask(`/${store}`, { method })
      paintWho(at('who'), { worker, pid })
      draw(at(store), visits)
    }
    at('news').textContent = ''
  } catch (error) {
    at('news').textContent = String(error.message)
  }
}

function draw(card, visits) {
  card.classList.toggle('off', visits === null)
  card.querySelector('[data-visits]').textContent = visits === null ? 'off' : String(visits)
  if (visits === null)
    card.querySelector('[data-hint]').textContent = 'Start the demo with --redis, or with REDIS_URL set.'
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
