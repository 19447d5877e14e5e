// What travels: between a tab and its worker, and between workers.
import type { Server, Socket } from 'socket.io'

/** One thing said in a room. */
export interface Message {
  /** Chosen by the tab that wrote it, so that a second sending can be told from a second message. */
  id: string
  room: string
  text: string
  person: string
  name: string
  /** The worker that took it. */
  worker: number
  /** Unix time in milliseconds. */
  at: number
}

/** Somebody in a room: one per tab. */
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
  /** The others hear nothing of it. */
  away: boolean
}

/** The client's address, or simply the connection that its session begins on. */
export type ChosenBy = 'address' | 'connection'

/** The first thing that a tab is told. */
export interface Welcome {
  worker: { id: number; pid: number }
  /** Public name of this tab. */
  person: string
  /** Where the tab's connection comes from. */
  address: string
  /** What decides on the worker of a tab that has no wish. */
  chosenBy: ChosenBy
  mayKill: boolean
  /** Hosts under which this machine is another client. */
  otherHosts: string[]
}

/** What all tabs are told every second. */
export interface Crew {
  workers: WorkerRow[]
  rooms: string[]
  backplane: { kind: 'redis' | 'ipc' | 'none'; connected: boolean }
}

export type Problem = 'bad-name' | 'bad-room' | 'bad-message' | 'not-in-a-room' | 'too-fast' | 'not-allowed'

/** Every request of a tab is answered: with what was asked for, or with the reason why not. */
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
  /** Everybody in the room now. */
  people(room: string, people: Person[]): void
  /** Left on purpose; who only lost the connection is missing from `people` for a while. */
  left(room: string, person: string): void
  typing(room: string, person: string, name: string): void
  crew(crew: Crew): void
}

/** A worker's sign of life. */
export interface Report {
  /** This process. */
  uid: string
  /** This worker, whichever process serves as it; ids alone repeat on every host. */
  key: string
  id: number
  pid: number
  clients: number
  uptime: number
  restarts: number
  /** Rooms with somebody in them. */
  rooms: string[]
  /** uids of the processes it has heard lately. */
  hears: string[]
}

export interface BetweenWorkers {
  report(report: Report): void
  said(message: Message): void
  /** All that one worker remembers, for another one. */
  memory(to: string, messages: Message[]): void
  /** Somebody came or went. */
  moved(room: string): void
}

/** Kept with a socket; travels with fetchSockets(). */
export interface TabData extends Person {
  room: string | undefined
  key: string
}

export type ChatServer = Server<FromTab, ToTab, BetweenWorkers, TabData>
export type Tab = Socket<FromTab, ToTab, BetweenWorkers, TabData>
