// The public face of 'holdfast/compat': what other packages have, under their names.
export { listen, type ListenOptions } from './compat/listen.ts'
export { setupPrimary, setupPrimary as setupMaster, type SetupOptions } from './compat/setup-primary.ts'
export { setupWorker, type SocketIOServer } from './compat/setup-worker.ts'
