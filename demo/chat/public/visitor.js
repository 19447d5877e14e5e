// The identity of this tab: a secret key per page load, whose hash is the public name, and a nickname that is kept.

/** Makes an id of 32 hex digits. crypto.randomUUID() would need https or loopback. */
export function makeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The key is new with every load; otherwise a duplicated tab would be the same member twice. */
export const key = makeId()

const first = ['Amber', 'Brisk', 'Calm', 'Deep', 'Early', 'Foggy', 'Glad', 'Hazy', 'Quiet', 'Silver', 'Sunny', 'Tidal']
const second = [
  'Anemone',
  'Barnacle',
  'Crab',
  'Dulse',
  'Eel',
  'Kelp',
  'Limpet',
  'Otter',
  'Puffin',
  'Seal',
  'Tern',
  'Urchin',
]

/** Suggests a nickname. */
export function suggestName() {
  const [a, b] = crypto.getRandomValues(new Uint32Array(2))
  return `${first[a % first.length]} ${second[b % second.length]}`
}

/** This tab's nickname; it survives a reload. */
export const nickname = {
  get() {
    try {
      return sessionStorage.getItem('name') ?? undefined
    } catch {
      return undefined // storage is off, so a reload asks for the name again
    }
  },
  set(name) {
    try {
      sessionStorage.setItem('name', name)
    } catch {
      // Storage is off, so a reload asks for the name again.
    }
  },
}

/** The room in the address bar, so that links lead into it. */
export const roomInAddress = {
  get() {
    try {
      return decodeURIComponent(location.hash.slice(1))
    } catch {
      return '' // not an address that this page wrote
    }
  },
  set(room) {
    if (this.get() !== room) history.replaceState(null, '', `#${encodeURIComponent(room)}`)
  },
}
