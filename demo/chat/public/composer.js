// The field for messages: Enter sends, Shift+Enter makes a new line.

/** @param on - `submit(text)`, `typed()` */
export function setUpComposer(form, area, on) {
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const text = area.value.trim()
    if (text === '') return
    area.value = ''
    fit(area)
    on.submit(text)
    area.focus()
  })
  area.addEventListener('keydown', (event) => {
    // While an input method composes, Enter chooses a character.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    form.requestSubmit()
  })
  area.addEventListener('input', () => {
    fit(area)
    if (area.value.trim() !== '') on.typed()
  })
}

/** Fits the field's height to its text in browsers without `field-sizing`. */
function fit(area) {
  if (CSS.supports('field-sizing', 'content')) return
  area.style.height = 'auto'
  area.style.height = `${area.scrollHeight + 2}px`
}
