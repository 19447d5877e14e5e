// npm runs `prepare` after `npm ci`, and once more in the middle of `npm pack` and `npm publish`, when dist/ has the bundle
// already. Then the bundle stays.
if (!['pack', 'publish'].includes(process.env.npm_command ?? '')) await import('./link.mjs')
