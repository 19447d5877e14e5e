// Entry of the chat demo. As with every program under Holdfast, the primary runs it, and starts it again as each
// worker.
import { stickyListen } from 'holdfast'
import { wish } from './app/wish.ts'
import { narrator } from './start/narrator.ts'
import { readFlags } from './start/flags.ts'
import { runPrimary } from './start/primary.ts'

const flags = readFlags(process.argv.slice(2), process.env)

if (process.env['HOLDFAST_WORKER'] === undefined) await runPrimary(flags, listen)
else listen({})

/** The call that an application makes. The function runs in workers only, so the primary never loads the chat. */
function listen(options: Parameters<typeof stickyListen>[1] & object) {
  const sticky = stickyListen(
    async () => {
      const { chatServer } = await import('./app/chat-server.ts')
      if (sticky.role === 'primary') throw new Error('the primary serves no clients')
      return chatServer(sticky, flags.balance === 'address' ? 'address' : 'connection')
    },
    { ...options, balance: flags.balance, session: wish, logger: narrator },
  )
  return sticky
}
