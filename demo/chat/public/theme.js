// The colours, in three states: as the system, light, dark. The page loads this script before it paints.
const themes = { system: ['◐', 'as the system'], light: ['☀', 'light'], dark: ['☾', 'dark'] }
let theme = storedTheme() ?? 'system'

applyTheme()
document.addEventListener('DOMContentLoaded', () => {
  applyTheme()
  document.getElementById('theme').addEventListener('click', () => {
    const names = Object.keys(themes)
    theme = names[(names.indexOf(theme) + 1) % names.length]
    storeTheme()
    applyTheme()
  })
})

function applyTheme() {
  document.documentElement.dataset.theme = theme
  const button = document.getElementById('theme')
  if (button === null) return
  const [sign, words] = themes[theme]
  button.textContent = sign
  button.title = `Colours: ${words}`
  button.setAttribute('aria-label', button.title)
}

function storedTheme() {
  try {
    const name = localStorage.getItem('theme')
    return name !== null && Object.hasOwn(themes, name) ? name : undefined
  } catch {
    return undefined // storage is off, so the page has the system's colours
  }
}

function storeTheme() {
  try {
    localStorage.setItem('theme', theme)
  } catch {
    // Storage is off: the choice lasts until the page is closed.
  }
}
