// The public face of 'holdfast/broadcast'.
export type { Bus, BusKind, BusListener, BusMessage, BusStatus, Counter, Json } from './broadcast/bus.ts'
export { createBus, type BusOptions } from './broadcast/create-bus.ts'
export { ipcBus, type IpcBusOptions } from './broadcast/ipc-bus.ts'
export { localBus } from './broadcast/local-bus.ts'
export { redisBus } from './broadcast/redis-bus.ts'
export type { RedisBusOptions, RedisClientLike } from './broadcast/redis-settings.ts'
export {
  broadcastTo,
  type TopicServer,
  type TopicSocket,
  type Topics,
  type TopicsOptions,
  type TopicsStatus,
} from './broadcast/ws.ts'
