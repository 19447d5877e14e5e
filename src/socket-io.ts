// The public face of 'holdfast/socket.io'.
export type { AdapterChoice, AttachOptions } from './broadcast/attach-options.ts'
export type { Backplane } from './broadcast/backplane.ts'
export type { RedisOptions, RedisTarget } from './broadcast/redis-client.ts'
export { attachSocketIO } from './broadcast/socket-io.ts'
