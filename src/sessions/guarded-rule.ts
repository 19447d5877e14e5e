// A session rule of the application's own, which strangers reach with whatever they send: what it throws, or returns by
// mistake, ends nothing.
import type { SessionRequest, SessionRule } from '../options/options.ts'
import { processRuntime } from '../runtime.ts'

/** @returns the same rule; where it fails, the request is of no session, and the first time that is told */
export function guarded(rule: SessionRule): SessionRule {
  if (typeof rule !== 'function') return rule
  let told = false
  const complain = (fields: Record<string, unknown>): undefined => {
    if (!told) processRuntime.logger.warn('session.bad-rule', fields)
    told = true
  }
  return (request: SessionRequest) => {
    try {
      const answer: unknown = rule(request)
      if (answer === undefined || typeof answer === 'string' || isId(answer)) return answer
      return complain({ returned: typeof answer, hint: "return a text, a worker's id or undefined; not a promise" })
    } catch (error) {
      return complain({ error })
    }
  }
}

function isId(answer: unknown): answer is number {
  return Number.isInteger(answer) && (answer as number) >= 0
}
