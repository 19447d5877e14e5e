// How a process is asked to finish, by occasion.
import { GOING_AWAY, SERVICE_RESTART, type Drain } from '../ipc/messages.ts'
import type { Settings } from '../options/settings.ts'

/** Another process takes the place: the clients come back, but not all at once. */
export function replaced({ reload }: Pick<Settings, 'reload'>): Drain {
  return timely({ deadline: reload.deadline, grace: reload.grace, spread: reload.spread, code: SERVICE_RESTART })
}

/** The process leaves by itself, or its primary has ended. */
export function leaving({ reload, shutdown }: Pick<Settings, 'reload' | 'shutdown'>): Drain {
  return timely({ deadline: shutdown.deadline, grace: reload.grace, spread: 0, code: SERVICE_RESTART })
}

/** Everything closes: the clients cannot come back here, so their WebSockets are closed at once. */
export function closing({ reload }: Pick<Settings, 'reload'>, deadline: number): Drain {
  return { deadline, grace: Math.min(reload.grace, deadline / 20), spread: 0, code: GOING_AWAY }
}

/** The deadline is the stronger option: every WebSocket gets its close frame before it, and time to answer. */
function timely(plan: Drain): Drain {
  const { deadline } = plan
  return { ...plan, grace: Math.min(plan.grace, deadline / 4), spread: Math.min(plan.spread, deadline / 2) }
}
