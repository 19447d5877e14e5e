// The public face of 'holdfast/socket.io'.
export { attachSocketIO, type AttachOptions, type Backplane } from './broadcast/socket-io.ts'
