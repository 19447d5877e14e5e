import t from 'tap'
import { tellingLine } from '../../src/supervisor/telling-line.ts'

const stack = Array.from({ length: 40 }, (_, n) => `    at f${n} (file:///app.js:1:1)`)
const shown = ['file:///app.js:1', 'throw it', '^', '']
const end = ['', 'Node.js v22.0.0']

for (const [name, lines, telling] of [
  ['an error', [...shown, 'Error: no database', ...stack, ...end], 'Error: no database'],
  [
    'a syntax error',
    ['app.js:1', 'const = 1', '      ^', '', "SyntaxError: Unexpected token '='", ...stack, ...end],
    "SyntaxError: Unexpected token '='",
  ],
  [
    'an error with details and a cause',
    [
      ...shown,
      'Error: outer',
      ...stack,
      '    at g {',
      '  [cause]: Error: inner',
      ...stack,
      "    code: 'X'",
      '  }',
      '}',
      ...end,
    ],
    'Error: outer',
  ],
  [
    'several errors in one',
    [
      ...shown,
      'AggregateError: all failed',
      ...stack,
      '    at g {',
      '  [errors]: [',
      '    Error: a',
      ...stack,
      '  ]',
      '}',
      ...end,
    ],
    'AggregateError: all failed',
  ],
  [
    'an error event',
    [
      'node:events:497',
      '      throw er;',
      '      ^',
      '',
      'Error: listen EADDRINUSE: address already in use :::3000',
      ...stack,
      "Emitted 'error' event on Server instance at:",
      ...stack,
      '    at g {',
      "  code: 'EADDRINUSE'",
      '}',
      ...end,
    ],
    'Error: listen EADDRINUSE: address already in use :::3000',
  ],
  [
    'a text that was thrown',
    [...shown, 'no database', '(Use `node --trace-uncaught ...` to show where the exception was thrown)', ...end],
    'no database',
  ],
  [
    'a rejection without an error',
    [...shown, '[UnhandledPromiseRejection: no error] {', "  code: 'ERR_UNHANDLED_REJECTION'", '}', ...end],
    '[UnhandledPromiseRejection: no error] {',
  ],
  [
    'out of memory',
    ['<--- Last few GCs --->', '', 'FATAL ERROR: Reached heap limit', '----- Native stack trace -----', ' 1: 0xb76db1'],
    'FATAL ERROR: Reached heap limit',
  ],
  ['a line of the program', ['starting', 'no configuration found', '}'], 'no configuration found'],
  ['the last of two errors', ['Error: first', 'TypeError: second', 'good bye'], 'TypeError: second'],
  ['nothing', ['', '}'], undefined],
] as const) {
  t.test(`the telling line: ${name}`, async (t) => {
    t.equal(tellingLine(lines), telling)
  })
}
