// Loaded before each test file. For coverage, tap records the files that a test and its child processes load. Tests
// without coverage need no records, and with them a child process takes three times as long to start and exits through
// tap's handlers.
import { createRequire } from 'node:module'

if (process.env['_TAPJS_PROCESSINFO_COVERAGE_'] === '0') {
  const require = createRequire(import.meta.url)
  const processOnSpawn = require('process-on-spawn') as { removeAllListeners(): void }
  processOnSpawn.removeAllListeners()
  delete process.env['NODE_OPTIONS']
  // Forked processes inherit these arguments.
  process.execArgv = process.execArgv.filter((flag) => !flag.startsWith('--import='))
  // Node.js 20 reads the bundle again at each start; no test connects to another machine.
  delete process.env['NODE_EXTRA_CA_CERTS']
}
