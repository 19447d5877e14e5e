// What this tab asks for in its address: `?worker=1` for that worker, `?by=session` for a worker by a session key of
// the tab, `?transport=polling` or `?transport=websocket` for a transport.

const query = new URLSearchParams(location.search)

export const TRANSPORTS = ['default', 'polling', 'websocket']

export const wish = {
  by: query.has('worker') ? 'worker' : query.get('by') === 'session' ? 'session' : 'address',
  worker: query.get('worker') ?? undefined,
  transport: TRANSPORTS.find((name) => name === query.get('transport')) ?? 'default',
}

/**
 * Options for `io()`. Every request carries the query, which the server's session rule reads.
 *
 * @param transports - the classes by name, the first one first
 */
export function connectOptions(transports) {
  const { by, worker, transport } = wish
  return {
    ...(by === 'worker' ? { query: { worker } } : {}),
    ...(by === 'session' ? { query: { session: sessionKey() } } : {}),
    transports: transport === 'default' ? Object.values(transports) : [transports[transport]],
  }
}

/** The address of this page with another wish. @param changed - the fields of {@link wish} to change */
export function addressWith(changed, { host = location.host, room }) {
  const { by, worker, transport } = { ...wish, ...changed }
  const wanted = new URLSearchParams()
  if (by === 'worker') wanted.set('worker', worker)
  if (by === 'session') wanted.set('by', 'session')
  if (transport !== 'default') wanted.set('transport', transport)
  const search = wanted.size === 0 ? '' : `?${wanted}`
  return `${location.protocol}//${host}/${search}#${encodeURIComponent(room)}`
}

/** A session key that survives a reload; each tab has its own. */
function sessionKey() {
  const fresh = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16)).join('')
  try {
    const key = sessionStorage.getItem('session') ?? fresh()
    sessionStorage.setItem('session', key)
    return key
  } catch {
    return fresh() // storage is off, so each load has a new key
  }
}
