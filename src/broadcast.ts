// The public face of 'holdfast/broadcast'.
export type { Bus, BusKind, BusListener, BusMessage, BusStatus, Counter, Json } from './bus/bus.ts'
export { createBus, type BusOptions } from './bus/create-bus.ts'
export { ipcBus, type IpcBusOptions } from './bus/ipc-bus.ts'
export { localBus } from './bus/local-bus.ts'
export { redisBus, type RedisBusOptions, type RedisClientLike } from './bus/redis-bus.ts'
export {
  broadcastTo,
  type TopicServer,
  type TopicSocket,
  type Topics,
  type TopicsOptions,
  type TopicsStatus,
} from './bus/topics.ts'
