// On a narrow page a button opens each of the two side panels, one at a time.

/** @param buttons - the buttons by panel name */
export function setUpPanels(buttons) {
  const { dataset } = document.body
  const show = (name) => {
    if (name === undefined) delete dataset.panel
    else dataset.panel = name
    for (const [panel, button] of Object.entries(buttons)) button.setAttribute('aria-expanded', String(panel === name))
  }
  for (const [panel, button] of Object.entries(buttons)) {
    button.addEventListener('click', () => show(dataset.panel === panel ? undefined : panel))
  }
  document.addEventListener('keydown', ({ key }) => {
    const open = buttons[dataset.panel]
    if (key !== 'Escape' || open === undefined || document.querySelector('dialog[open]') !== null) return
    show(undefined)
    open.focus()
  })
  document.querySelector('.chat').addEventListener('pointerdown', () => show(undefined))
}
