// Folders of peer sockets that nobody is behind any more. Whom a signal ends can not remove its own, and to listen to
// signals in the application's primary would change what they do; so the next primary removes them.
import { lstat, readdir, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** As PeerDirectory names them. */
const FOLDER = /^holdfast-[\w-]{12}$/

/** Removes those of this user in which every door is dead, as far as that can be. */
export async function removeLeftBehind(): Promise<void> {
  const parent = tmpdir()
  const names = await readdir(parent).catch(() => [])
  const folders = names.filter((name) => FOLDER.test(name)).map((name) => join(parent, name))
  // Somebody else may remove one at the same time.
  await Promise.allSettled(folders.map(removeIfDead))
}

async function removeIfDead(folder: string): Promise<void> {
  if ((await lstat(folder)).uid !== process.getuid?.()) return
  const doors = await readdir(folder)
  const dead = await Promise.all(doors.map((name) => isDead(join(folder, name))))
  // One without a door may be about to get its first.
  if (doors.length > 0 && dead.every(Boolean)) await rm(folder, { recursive: true, force: true })
}

function isDead(door: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ path: door })
    socket.once('connect', () => {
      socket.destroy()
      done(false)
    })
    socket.once('error', (error) => done('code' in error && error.code === 'ECONNREFUSED'))
  })
}
