// A small server with OpenAI's chat interface, on this machine, for tests: it answers every body with words made of the
// body's digest, after a time made of it too, and keeps count of what it was asked. `reply` puts other answers in place.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf, sha256Hex } from '../../src/core/index.js'

export interface Asked {
  body: Record<string, unknown>
  /** Digest of the body's canonical JSON: the key of the call in the cache. */
  digest: string
  /** How often this body came before. */
  before: number
  path: string
  headers: IncomingHttpHeaders
}

export interface Reply {
  status?: number
  headers?: Record<string, string>
  /** Sent as it is where it is text, else as JSON. */
  body: unknown
}

export interface FaultyServerOptions {
  /** Each answer takes a time between these, in ms, by its body; default none. */
  delayMs?: [number, number]
  /** Another reply than the usual one; `null` for the usual one. */
  reply?: (asked: Asked) => Reply | null | Promise<Reply | null>
  /** What a GET is answered; default 404, as by a server that has no list of models. */
  onGet?: () => Reply | Promise<Reply>
}

/** A request without a body, such as one for the list of models. */
export interface Get {
  path: string
  headers: IncomingHttpHeaders
  /** Bytes that came with it all the same. */
  sizeBytes: number
}

export interface FaultyServer {
  /** What a client takes as its base URL. */
  baseUrl: string
  /** Every request in the order of arrival. */
  asked: Asked[]
  /** Every GET in the order of arrival; these are not in `asked`. */
  gets: Get[]
  /** Bodies by digest: how often each was answered by a completion, to a client that stayed for it. */
  answered: Map<string, number>
  /** Most requests that were under way at once. */
  mostAtOnce(): number
  stop(): Promise<void>
}

export async function startFaultyServer(options: FaultyServerOptions = {}): Promise<FaultyServer> {
  const asked: Asked[] = []
  const gets: Get[] = []
  const answered = new Map<string, number>()
  const seen = new Map<string, number>()
  let [atOnce, most] = [0, 0]

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'GET') {
      const sizeBytes = (await readText(request)).length
      gets.push({ path: request.url ?? '', headers: request.headers, sizeBytes })
      return send(response, (await options.onGet?.()) ?? { status: 404, body: { detail: 'Not Found' } })
    }
    const body = JSON.parse(await readText(request)) as Record<string, unknown>
    const digest = digestOf(body)
    const before = seen.get(digest) ?? 0
    seen.set(digest, before + 1)
    const one = { body, digest, before, path: request.url ?? '', headers: request.headers }
    asked.push(one)
    await sleep(delayOf(digest, options.delayMs ?? [0, 0]))
    const other = (await options.reply?.(one)) ?? null
    const reply = other ?? { body: completionOf(digest, wordsOf(digest)) }
    send(response, reply, () => {
      if (other === null) answered.set(digest, (answered.get(digest) ?? 0) + 1)
    })
  }

  const server = createServer((request, response) => {
    most = Math.max(most, ++atOnce)
    answer(request, response)
      .catch(() => response.destroy())
      .finally(() => atOnce--)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A test that fails before it stops its server must end all the same.
  server.unref()
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    gets,
    answered,
    mostAtOnce: () => most,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function send(response: ServerResponse, { status = 200, headers, body }: Reply, onSent?: () => void): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof body === 'string' ? body : JSON.stringify(body), onSent)
}

/** A completion as a server sends it; equal ids and times, so that equal bodies have equal bytes. */
export function completionOf(digest: string, content: unknown, finishReason = 'stop'): Record<string, unknown> {
  return {
    id: `chatcmpl-${digest.slice(0, 12)}`,
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'fake',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: finishReason }],
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
  }
}

/** What the server says to a body with this digest. */
export function wordsOf(digest: string): string {
  const words = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta', 'eta', 'theta']
  const picked = [...Buffer.from(sha256Hex(digest), 'hex')].slice(0, 12).map((byte) => words[byte % words.length])
  return `${picked.join(' ')} ${digest.slice(0, 8)}`
}

function delayOf(digest: string, [least, most]: [number, number]): number {
  return least + ((most - least) * Number.parseInt(digest.slice(8, 14), 16)) / 0xffffff
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
