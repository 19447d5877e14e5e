// Loaded before each test file. tap has a test file note what it loads, for coverage, and every process started from there
// as well. Where nothing is covered it only costs: a process would start in three times its time and leave through tap's
// handlers.
import { createRequire } from 'node:module'

if (process.env['_TAPJS_PROCESSINFO_COVERAGE_'] === '0') {
  const require = createRequire(import.meta.url)
  const processOnSpawn = require('process-on-spawn') as { removeAllListeners(): void }
  processOnSpawn.removeAllListeners()
  delete process.env['NODE_OPTIONS']
  // What is forked inherits these.
  process.execArgv = process.execArgv.filter((flag) => !flag.startsWith('--import='))
  // Node.js 20 reads such a bundle anew at each start; nothing here goes to the outside.
  delete process.env['NODE_EXTRA_CA_CERTS']
}
