// A proxy on this machine between a client and any OpenAI-compatible server, which puts faults of networks and servers
// into the answers. Which attempt gets which fault depends only on the seed, the body and the number of the attempt, not
// on the order of the requests, so that the same faults come under any concurrency.
import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import type { ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf, sha256Hex } from '../../src/core/index.js'

export const faultKinds = [
  /** Too many requests, with `Retry-After`. */
  'status-429',
  'status-500',
  'status-503',
  /** The connection is closed before the first byte of the answer. */
  'cut-before',
  /** The connection is closed after the head and half of the body. */
  'cut-body',
  /** The whole answer, in pieces with pauses: late, but not wrong. */
  'slow-body',
  /** Half of the body, and nothing after it for as long as the client waits. */
  'stalled-body',
  /** A whole HTTP answer whose JSON ends in the middle. */
  'truncated-json',
  /** Valid JSON that is not a completion. */
  'wrong-json',
  /** A completion without text. */
  'empty-answer',
] as const
export type FaultKind = (typeof faultKinds)[number]

interface FaultyProxyOptions {
  /** Base URL of the server behind the proxy, such as `http://127.0.0.1:8000/v1`. */
  target: string
  seed: number
  /** Share of the attempts that get a fault, in [0, 1]. */
  share: number
  kinds?: readonly FaultKind[]
  /** A body that got so many faults gets no more; keep it below the attempts of the client. Default 3. */
  maxFaultsPerBody?: number
  /** The value of `Retry-After`, in seconds. Default 1. */
  retryAfterSeconds?: number
  /** How long a `slow-body` takes, in ms. Default 200. */
  slowMs?: number
  /** A `stalled-body` is cut after this time, in ms, if the client has not gone. Default 60,000. */
  stallMs?: number
}

/** What happened to one body, over all its attempts. */
interface BodyCount {
  asked: number
  faults: FaultKind[]
  /** How often its whole, unchanged answer was sent to a client that stayed until the last byte. */
  answeredWhole: number
}

interface FaultyProxy {
  /** The base URL for the client. */
  baseUrl: string
  /** How many faults of each kind were made; `slow-body` counts, though its answers are whole. */
  faults: Record<FaultKind, number>
  /** By the digest of the body's canonical JSON. */
  bodies: Map<string, BodyCount>
  /** Requests without a body, and answers with another status than 200: all of them are passed on unchanged. */
  passed: number
  /** Stalled bodies that the client waited for to the end; a client with a time limit does not. */
  outlasted: number
  stop(): Promise<void>
}

/** Starts a proxy. `stop` ends it; a proxy that is not stopped does not keep the process alive. */
export async function startFaultyProxy(options: FaultyProxyOptions): Promise<FaultyProxy> {
  const { target, maxFaultsPerBody = 3 } = options
  const proxy: Omit<FaultyProxy, 'baseUrl' | 'stop'> = {
    faults: Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, number>,
    bodies: new Map(),
    passed: 0,
    outlasted: 0,
  }
  const basePath = new URL(target).pathname.replace(/\/$/, '')

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBytes(request)
    const pass = (): Promise<Fetched> => forward(new URL(target).origin + request.url, request, body)
    if (body.length === 0) {
      proxy.passed++
      return sendWhole(response, await pass())
    }
    const digest = digestOf(JSON.parse(body.toString('utf8')))
    const count = proxy.bodies.get(digest) ?? { asked: 0, faults: [], answeredWhole: 0 }
    proxy.bodies.set(digest, count)
    const fault = count.faults.length < maxFaultsPerBody ? faultFor(options, digest, count.asked) : null
    count.asked++
    await answer(fault, response, pass, count)
  }

  const answer = async (
    fault: FaultKind | null,
    response: ServerResponse,
    pass: () => Promise<Fetched>,
    count: BodyCount,
  ): Promise<void> => {
    const note = (): void => {
      if (fault === null) return
      proxy.faults[fault]++
      count.faults.push(fault)
    }
    if (fault !== null && sendWithoutServer(fault, response, options)) return note()
    const fetched = await pass()
    if (fetched.status !== 200) {
      proxy.passed++
      return sendWhole(response, fetched)
    }
    note()
    if (fault === null || fault === 'slow-body') {
      response.once('finish', () => count.answeredWhole++)
      return fault === null ? sendWhole(response, fetched) : sendSlowly(response, fetched, options.slowMs ?? 200)
    }
    if (!(await sendDamaged(fault, response, fetched, options.stallMs ?? 60_000))) proxy.outlasted++
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  return Object.assign(proxy, {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}${basePath}`,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  })
}

/** The fault that an attempt at a body gets; `null` for none. */
export function faultFor(
  { seed, share, kinds = faultKinds }: Pick<FaultyProxyOptions, 'seed' | 'share' | 'kinds'>,
  digest: string,
  attempt: number,
): FaultKind | null {
  const drawn = sha256Hex(`${seed} ${digest} ${attempt}`)
  if (Number.parseInt(drawn.slice(0, 8), 16) / 0x1_0000_0000 >= share) return null
  return kinds[Number.parseInt(drawn.slice(8, 16), 16) % kinds.length] ?? null
}

/** Answers with a fault that needs no answer of the server; `false` for other faults. */
function sendWithoutServer(fault: FaultKind, response: ServerResponse, options: FaultyProxyOptions): boolean {
  const json = (status: number, value: unknown, headers = {}): true => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
    return true
  }
  switch (fault) {
    case 'status-429':
      return json(429, { error: { message: 'too many' } }, { 'retry-after': String(options.retryAfterSeconds ?? 1) })
    case 'status-500':
      return json(500, { error: { message: 'something broke' } })
    case 'status-503':
      response.writeHead(503, { 'content-type': 'text/html' }).end('<html>no server available</html>')
      return true
    case 'wrong-json':
      return json(200, { object: 'list', data: [] })
    case 'cut-before':
      response.destroy()
      return true
    default:
      return false
  }
}

/** Answers with a fault made of a true answer. `false` if the client waited for a stalled answer to the end. */
async function sendDamaged(
  fault: FaultKind,
  response: ServerResponse,
  { body }: Fetched,
  stallMs: number,
): Promise<boolean> {
  const half = body.subarray(0, Math.floor(body.length / 2))
  const headers = { 'content-type': 'application/json' }
  if (fault === 'empty-answer') {
    response.writeHead(200, headers).end(JSON.stringify(emptied(JSON.parse(body.toString('utf8')))))
  } else if (fault === 'truncated-json') {
    response.writeHead(200, headers).end(half)
  } else {
    response.writeHead(200, { ...headers, 'content-length': body.length })
    await new Promise((resolve) => response.write(half, resolve))
    const isLeft = fault !== 'stalled-body' || (await isGoneWithin(response, stallMs))
    response.destroy()
    return isLeft
  }
  return true
}

/** The answer of a server that is not well: no text, and no tokens counted for it. */
function emptied(completion: unknown): unknown {
  const { choices, usage: _usage, ...rest } = completion as { choices: { message: object }[]; usage?: unknown }
  return { ...rest, choices: choices.map((choice) => ({ ...choice, message: { ...choice.message, content: '' } })) }
}

function isGoneWithin(response: ServerResponse, mostMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), mostMs)
    response.once('close', () => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}

async function sendSlowly(response: ServerResponse, { status, body }: Fetched, slowMs: number): Promise<void> {
  const pieces = 10
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length })
  for (let i = 0; i < pieces && !response.destroyed; i++) {
    response.write(body.subarray((body.length * i) / pieces, (body.length * (i + 1)) / pieces))
    await sleep(slowMs / pieces)
  }
  response.end()
}

interface Fetched {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

function sendWhole(response: ServerResponse, { status, headers, body }: Fetched): void {
  const { 'content-type': type, 'retry-after': after } = headers
  const kept = { ...(type && { 'content-type': type }), ...(after && { 'retry-after': after }) }
  response.writeHead(status, { ...kept, 'content-length': body.length }).end(body)
}

/** Asks the server behind the proxy, without a time limit. */
function forward(url: string, from: IncomingMessage, body: Buffer): Promise<Fetched> {
  const { host: _host, connection: _connection, 'accept-encoding': _encoding, ...headers } = from.headers
  const start = url.startsWith('https:') ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const out = start(url, { method: from.method, headers }, (answer) => {
      readBytes(answer).then(
        (bytes) => resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: bytes }),
        reject,
      )
    })
    out.once('error', reject)
    out.end(body)
  })
}

async function readBytes(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
