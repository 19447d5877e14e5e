// The dialog that asks for a name and a room; it also changes the name later.
import { suggestName } from './visitor.js'

/** @param on - `enter(name, room)` resolves with the problem, or undefined */
export function setUpDialog(on) {
  const dialog = document.getElementById('enter')
  const form = document.getElementById('enter-form')
  const problem = document.getElementById('enter-problem')
  let mayClose = false
  dialog.addEventListener('cancel', (event) => {
    if (!mayClose) event.preventDefault()
  })
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void enter()
  })
  async function enter() {
    const { name, room } = form.elements
    problem.textContent = ''
    const reason = await on.enter(name.value, room.value)
    if (reason === undefined) dialog.close()
    else problem.textContent = reason
  }
  return {
    open({ name = suggestName(), room, problem: reason = '', mayClose: closable = false }) {
      mayClose = closable
      problem.textContent = reason
      if (dialog.open) return
      form.elements.name.value = name
      form.elements.room.value = room
      dialog.showModal()
      form.elements.name.select()
    },
  }
}
