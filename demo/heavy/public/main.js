// Sends short requests all the time, and a long job when a button is pressed.
import { ask, drawOthers, paintWorker } from './shared.js'

const at = (id) => document.getElementById(id)

/** Milliseconds between two requests; milliseconds after which an answer is late; milliseconds of a full bar. */
const PACE = 200
const LATE = 250
const FULL = 2_000
/** Number of bars kept. */
const KEPT = 150

for (const button of document.querySelectorAll('button[data-path]')) {
  button.addEventListener('click', () => void work(button))
}
void beat()
await drawOthers(at('others'))

async function work(button) {
  const result = at(button.dataset.into)
  button.disabled = true
  result.textContent = 'Works …'
  try {
    const { worker, pid, primes, ms } = await ask(button.dataset.path)
    result.textContent = `${primes.toLocaleString('en')} primes in ${(ms / 1_000).toFixed(1)} s, worker ${worker}, pid ${pid}.`
  } catch (error) {
    result.textContent = String(error.message)
  }
  button.disabled = false
}

/** Sends one request after the other. The bar of a request grows until the answer arrives. */
async function beat() {
  for (;;) {
    const bar = document.createElement('li')
    at('pulse').append(bar)
    if (at('pulse').children.length > KEPT) at('pulse').firstChild.remove()
    const asked = performance.now()
    const draw = () => show(bar, performance.now() - asked)
    const growing = setInterval(draw, 50)
    try {
      paintWorker(at('worker'), await ask('/fast'))
      draw()
    } catch {
      at('last').textContent = 'no answer'
    }
    clearInterval(growing)
    await new Promise((done) => setTimeout(done, PACE))
  }
}

function show(bar, ms) {
  bar.style.height = `${Math.min(100, (ms / FULL) * 100)}%`
  for (const element of [bar, at('last')]) element.classList.toggle('late', ms > LATE)
  at('last').textContent = `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}
