// The public face of 'holdfast/socket.io'.
export type { AdapterChoice, AttachOptions } from './socket-io/attach-options.ts'
export type { Backplane } from './socket-io/backplane.ts'
export type { RedisOptions, RedisTarget } from './redis/target.ts'
export { attachSocketIO } from './socket-io/attach.ts'
