// Loaded before tap's own preload in each test file. On Node.js 20 that preload runs every import through a second
// thread, to record the files that a test loads. Only tests with coverage need the record. For the others it doubles the
// CPU time of a short test.
import module from 'node:module'

if (process.env['_TAPJS_PROCESSINFO_COVERAGE_'] === '0' && !('registerHooks' in module)) {
  const { register } = module
  module.register = () => {
    module.register = register
  }
}
