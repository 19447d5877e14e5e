// Removes the folders of peer sockets that ended primaries left behind. A primary that a signal ends cannot remove its
// own folder, and signal handlers in the application's primary would change what these signals do. So the next primary
// removes the folder.
import { lstat, readdir, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The names that PeerDirectory gives to its folders. */
const FOLDER_NAME = /^holdfast-[\w-]{12}$/

/** Removes the folders of this user in which no socket has a listener. Never throws. */
export async function removeLeftBehind(): Promise<void> {
  const parent = tmpdir()
  const names = await readdir(parent).catch(() => [])
  const folders = names.filter((name) => FOLDER_NAME.test(name)).map((name) => join(parent, name))
  // Another process may remove the same folder at the same time.
  await Promise.allSettled(folders.map(removeIfStale))
}

async function removeIfStale(folder: string): Promise<void> {
  if ((await lstat(folder)).uid !== process.getuid?.()) return
  const sockets = await readdir(folder)
  const stale = await Promise.all(sockets.map((name) => hasNoListener(join(folder, name))))
  // An empty folder stays: it may belong to a primary that is just starting.
  if (sockets.length > 0 && stale.every(Boolean)) await rm(folder, { recursive: true, force: true })
}

function hasNoListener(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      done(false)
    })
    socket.once('error', (error) => done('code' in error && error.code === 'ECONNREFUSED'))
  })
}
