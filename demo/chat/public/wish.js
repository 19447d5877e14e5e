// What this tab wishes for, as its address says: `?worker=1` for that worker, `?by=session` for one of its own,
// `?transport=polling` or `?transport=websocket`.

const query = new URLSearchParams(location.search)

export const TRANSPORTS = ['default', 'polling', 'websocket']

export const wish = {
  by: query.has('worker') ? 'worker' : query.get('by') === 'session' ? 'session' : 'address',
  worker: query.get('worker') ?? undefined,
  transport: TRANSPORTS.find((name) => name === query.get('transport')) ?? 'default',
}

/** For `io()`. The query goes along with every request, where the server's rule looks at it. */
export function connectOptions() {
  const { by, worker, transport } = wish
  return {
    ...(by === 'worker' ? { query: { worker } } : {}),
    ...(by === 'session' ? { query: { session: sessionKey() } } : {}),
    ...(transport === 'default' ? {} : { transports: [transport] }),
  }
}

/** This page with another wish. @param changed - of {@link wish} */
export function addressWith(changed, { host = location.host, room }) {
  const { by, worker, transport } = { ...wish, ...changed }
  const wanted = new URLSearchParams()
  if (by === 'worker') wanted.set('worker', worker)
  if (by === 'session') wanted.set('by', 'session')
  if (transport !== 'default') wanted.set('transport', transport)
  const search = wanted.size === 0 ? '' : `?${wanted}`
  return `${location.protocol}//${host}/${search}#${encodeURIComponent(room)}`
}

/** The same after a reload, another one in another tab. */
function sessionKey() {
  const fresh = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16)).join('')
  try {
    const key = sessionStorage.getItem('session') ?? fresh()
    sessionStorage.setItem('session', key)
    return key
  } catch {
    return fresh() // storage is off: another one with every load
  }
}
