// Who sits at this tab: a secret key per page load (its hash is the public name) and a nickname that is remembered.

/** 32 hex digits. crypto.randomUUID() would need https or loopback. */
export function makeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** New with every load, or a duplicated tab would be the same person twice. */
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

/** A name to start with. */
export function suggestName() {
  const [a, b] = crypto.getRandomValues(new Uint32Array(2))
  return `${first[a % first.length]} ${second[b % second.length]}`
}

/** This tab's nickname, through a reload. */
export const nickname = {
  get() {
    try {
      return sessionStorage.getItem('name') ?? undefined
    } catch {
      return undefined // storage is off: asked again after a reload
    }
  },
  set(name) {
    try {
      sessionStorage.setItem('name', name)
    } catch {
      // As above.
    }
  },
}

/** The room in the address bar, so that links lead into it. */
export const roomInAddress = {
  get() {
    try {
      return decodeURIComponent(location.hash.slice(1))
    } catch {
      return '' // not a room that we wrote
    }
  },
  set(room) {
    if (this.get() !== room) history.replaceState(null, '', `#${encodeURIComponent(room)}`)
  },
}
