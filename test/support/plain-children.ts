// Loaded before each test file. tap has a test file note what it loads, for coverage, and every process started from there
// as well. There it only costs: a process would start in three times its time and leave through tap's handlers.
// COVERAGE=all is the exception, it tells what the children cover.
import { createRequire } from 'node:module'

if (process.env['COVERAGE'] !== 'all') {
  const processOnSpawn = createRequire(import.meta.url)('process-on-spawn') as { removeAllListeners(): void }
  processOnSpawn.removeAllListeners()
  delete process.env['NODE_OPTIONS']
  // What is forked inherits these.
  process.execArgv = process.execArgv.filter((flag) => !flag.startsWith('--import='))
  // Node.js 20 reads such a bundle anew at each start; nothing here goes to the outside.
  delete process.env['NODE_EXTRA_CA_CERTS']
}
