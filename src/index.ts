// The public face of 'holdfast'.
export { stickyListen } from './sticky-listen.ts'
export { ERROR_CODES, StickyError, type ErrorCode } from './errors.ts'
export type * from './options/options.ts'
export type * from './sticky.ts'
export { proxyOf, type ProxyInfo } from './serving/proxy-info.ts'
export type { Target } from './serving/target.ts'
