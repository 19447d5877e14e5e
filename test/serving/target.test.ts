import http from 'node:http'
import net from 'node:net'
import express from 'express'
import t from 'tap'
import { resolveTarget, type Target } from '../../src/serving/target.ts'

t.test('a function may return the server, or a promise of it', async (t) => {
  const server = net.createServer()
  t.equal(await resolveTarget(server), server)
  t.equal(await resolveTarget(() => server), server)
  t.equal(await resolveTarget(() => Promise.resolve(server)), server)
})

t.test('anything else is refused with what came and what to write', async (t) => {
  /** The members of the frameworks that they are known by. */
  const koa = { use() {}, callback: () => () => {} }
  const fastify = { ready: () => Promise.resolve(), server: http.createServer() }
  for (const [returned, message] of [
    [express(), 'it returned a function that handles requests; write http.createServer(app)'],
    [undefined, 'it returned nothing; write http.createServer(app)'],
    [null, 'it returned null; write http.createServer(app)'],
    [3000, 'it returned 3000; write http.createServer(app)'],
    [koa, /it returned \{ use: .*; write http\.createServer\(app\.callback\(\)\)$/],
    [fastify, /it returned \{ ready: .*; write await app\.ready\(\), and app\.server$/],
  ] as const) {
    const target = (() => returned) as unknown as Target
    await t.rejects(resolveTarget(target), { code: 'HOLDFAST_BAD_TARGET', message })
  }
})
