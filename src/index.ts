// The public face of 'holdfast'.
export { stickyListen } from './sticky-listen.ts'
export { ERROR_CODES, StickyError, type ErrorCode } from './errors.ts'
export type * from './options.ts'
export type * from './sticky.ts'
export { proxyOf, type ProxyInfo } from './worker/proxied.ts'
export type { Target } from './worker/target.ts'
