// Which source files a test file has to cover completely: the pure one that it is named after. Elsewhere coverage is a
// torch, not a target: COVERAGE=all shows what the whole run covers.

const PURE =
  /^build\/test\/((affinity|slots)\/.+|supervisor\/(backoff|breaker|health|health-history|recycling|restart-policy|rolling|worker-phases|worker-state))\.test\.js$/

/** @returns null: nothing. An empty array: whatever it loads. */
export default function coverageMap(testFile: string): string[] | null {
  if (process.env['COVERAGE'] === 'all') return []
  const [, name] = PURE.exec(testFile) ?? []
  return name === undefined ? null : [`build/src/${name}.js`]
}
