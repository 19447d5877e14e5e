// The events between a tab and its worker, and between workers.
import type { Server, Socket } from 'socket.io'

/** One message in a room. */
export interface Message {
  /** Chosen by the tab of the author. A message that is sent again keeps its id. */
  id: string
  room: string
  text: string
  person: string
  name: string
  /** Worker of the author's tab. */
  worker: number
  /** Unix time in milliseconds. */
  at: number
}

/** A member of a room; each tab is one. */
export interface Person {
  person: string
  name: string
  worker: number
}

/** A line of the workers' table. */
export interface WorkerRow {
  id: number
  pid: number
  clients: number
  /** Milliseconds. */
  uptime: number
  restarts: number
  /** The worker sends no reports. */
  away: boolean
}

/** What decides on a tab's worker: the client's address, or the connection on which the session begins. */
export type ChosenBy = 'address' | 'connection'

/** First event to a new tab. */
export interface Welcome {
  worker: { id: number; pid: number }
  /** Public name of this tab. */
  person: string
  /** The client's address. */
  address: string
  /** What decides on the worker of a tab that does not ask for one. */
  chosenBy: ChosenBy
  mayKill: boolean
  /** Hosts under which this machine is another client. */
  otherHosts: string[]
}

/** State of all workers; every tab gets it once per second. */
export interface Crew {
  workers: WorkerRow[]
  rooms: string[]
  backplane: { kind: 'redis' | 'ipc' | 'none'; connected: boolean }
}

export type Problem = 'bad-name' | 'bad-room' | 'bad-message' | 'not-in-a-room' | 'too-fast' | 'not-allowed'

/** Answer to a tab's request: the result, or the reason of the refusal. */
export type Reply<T> = ({ ok: true } & T) | { ok: false; problem: Problem; reason: string; retryAfter?: number }
export type Ack<T> = (reply: Reply<T>) => void

export interface FromTab {
  join(request: unknown, ack: Ack<{ name: string; room: string; messages: Message[] }>): void
  say(request: unknown, ack: Ack<{ message: Message }>): void
  typing(): void
  'kill-worker'(ack: Ack<object>): void
}

export interface ToTab {
  welcome(welcome: Welcome): void
  message(message: Message): void
  /** The members of the room now. */
  people(room: string, people: Person[]): void
  /** A member left on purpose. A member whose connection is lost is only missing from `people`. */
  left(room: string, person: string): void
  typing(room: string, person: string, name: string): void
  crew(crew: Crew): void
}

/** Report that each worker sends to the others every second. */
export interface Report {
  /** Random id of the process. */
  uid: string
  /** Name of the worker across restarts, with its host: worker ids alone repeat on every host. */
  key: string
  id: number
  pid: number
  clients: number
  uptime: number
  restarts: number
  /** Rooms with tabs of this worker. */
  rooms: string[]
  /** The uids of the processes whose reports arrived lately. */
  hears: string[]
}

export interface BetweenWorkers {
  report(report: Report): void
  said(message: Message): void
  /** The history of one worker, for the worker with the uid `to`. */
  memory(to: string, messages: Message[]): void
  /** A member of the room came or left. */
  moved(room: string): void
}

/** Data of a socket; fetchSockets() of other workers returns it too. */
export interface TabData extends Person {
  room: string | undefined
  key: string
}

export type ChatServer = Server<FromTab, ToTab, BetweenWorkers, TabData>
export type Tab = Socket<FromTab, ToTab, BetweenWorkers, TabData>
