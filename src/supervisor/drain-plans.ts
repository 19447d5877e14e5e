// How a process is told to finish, by occasion.
import { GOING_AWAY, SERVICE_RESTART, type Drain } from '../ipc/messages.ts'
import type { Settings } from '../options/settings.ts'

/** Another process takes its place: clients are to come back, but not all at once. */
export function replaced({ reload }: Pick<Settings, 'reload'>): Drain {
  return { deadline: reload.deadline, grace: reload.grace, spread: reload.spread, code: SERVICE_RESTART }
}

/** It leaves by itself, or its primary is gone. */
export function leaving({ reload, shutdown }: Pick<Settings, 'reload' | 'shutdown'>): Drain {
  return { deadline: shutdown.deadline, grace: reload.grace, spread: 0, code: SERVICE_RESTART }
}

/** Nobody is left here soon, so there is no sense in spreading, and less in waiting. */
export function closing({ reload }: Pick<Settings, 'reload'>, deadline: number): Drain {
  return { deadline, grace: Math.min(reload.grace, deadline / 20), spread: 0, code: GOING_AWAY }
}
