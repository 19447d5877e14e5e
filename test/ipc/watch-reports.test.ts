import t from 'tap'
import { reportedFiles } from '../../src/ipc/watch-reports.ts'

t.test('a report of Node names files by path or by URL', (t) => {
  t.strictSame(reportedFiles({ 'watch:require': ['/a/b.cjs', '/a/c.json'] }), ['/a/b.cjs', '/a/c.json'])
  t.strictSame(reportedFiles({ 'watch:import': ['file:///a/b%20c.mjs?version=2'] }), ['/a/b c.mjs'])
  t.strictSame(reportedFiles({ 'watch:import': ['node:fs', 'data:text/javascript,1', 'no url', 5] }), [])
  t.end()
})

t.test('other messages are no reports', (t) => {
  for (const message of [undefined, null, 'watch:require', 1, {}, { 'watch:require': 'a' }, ['watch:require']])
    t.equal(reportedFiles(message), undefined)
  t.end()
})
