// The source files that a test file has to cover completely: the pure file after which the test is named. For other
// files coverage has no target; COVERAGE=all shows the coverage of the whole run.

const PURE =
  /^build\/test\/((affinity|slots)\/.+|sessions\/(client-scheme|handshake-head|shared-cache)|supervisor\/(backoff|breaker|health|health-history|recycling|restart-policy|rolling|telling-line|worker-phases|worker-state))\.test\.js$/

/** @returns the files to cover; null: none; an empty array: all files that the test loads */
export default function coverageMap(testFile: string): string[] | null {
  if (process.env['COVERAGE'] === 'all') return []
  const [, name] = PURE.exec(testFile) ?? []
  return name === undefined ? null : [`build/src/${name}.js`]
}
