// Every face in one process: what one of them throws is an error of another one's class.
import { StickyError, stickyListen, type ErrorCode } from 'holdfast'
import { broadcastTo, createBus, localBus, type Bus } from 'holdfast/broadcast'
import { setupPrimary, setupWorker } from 'holdfast/compat'
import { attachSocketIO, type AttachOptions } from 'holdfast/socket.io'

const bus: Bus = localBus()
const options: AttachOptions = { adapter: 'ipc' }
const functions = [stickyListen, broadcastTo, createBus, setupPrimary, setupWorker, attachSocketIO]

// ioredis is not installed here.
const code = ((): ErrorCode | undefined => {
  try {
    createBus({ bus: 'redis', redis: 'redis://127.0.0.1:1' })
  } catch (error) {
    return error instanceof StickyError ? error.code : undefined
  }
  return undefined
})()

await bus.close()
console.log(JSON.stringify({ code, functions: functions.map((one) => typeof one), adapter: options.adapter }))
