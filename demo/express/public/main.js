// Shows the notes and the worker that keeps them.
import { drawOthers, paintWorker } from './shared.js'

const at = (id) => document.getElementById(id)

at('form').addEventListener('submit', (event) => {
  event.preventDefault()
  void show({
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ text: at('text').value }),
  })
  at('form').reset()
})
await show()
await drawOthers(at('others'))

async function show(options) {
  try {
    const response = await fetch('/notes', { cache: 'no-store', ...options })
    const { pid, notes, error } = await response.json()
    if (error !== undefined) throw new Error(error)
    paintWorker(at('worker'), { worker: response.headers.get('X-Worker'), pid })
    at('notes').replaceChildren(...(notes.length > 0 ? notes.map(line) : [emptyLine()]))
    at('problem').hidden = true
  } catch (error) {
    at('problem').textContent = String(error.message)
    at('problem').hidden = false
  }
}

function line(text) {
  const item = document.createElement('li')
  item.textContent = text
  return item
}

function emptyLine() {
  const item = line('Nothing yet.')
  item.className = 'empty'
  return item
}
