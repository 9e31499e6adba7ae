import { mkdtempSync, readFileSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryBlobStore, type BlobStore } from '../../src/core/index.js'
import type { Budget } from '../../src/generation/context.js'
import type { CallPurpose, CompletionClient, CompletionRequest } from '../../src/generation/completion.js'
import { createEndpointClient } from '../../src/generation/endpoint/endpoint-client.js'
import { endpointOptionsSchema } from '../../src/generation/endpoint/options.js'
import type { LedgerRow } from '../../src/records/index.js'

export const purpose: CallPurpose = { unit: 'repository', role: 'test', path: 'a.ts' }
export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'retrace-endpoint-'))

/** A request; a different one for every number. */
export function ask(number: number, answer: CompletionRequest['answer'] = null): CompletionRequest {
  return { messages: [{ role: 'user', content: `Question ${number}` }], answer, maxNewTokens: 64, seed: number }
}

interface TestClient extends CompletionClient {
  rows: LedgerRow[]
  blobs: BlobStore
}

interface TestClientOptions {
  budget?: Partial<Budget>
  signal?: AbortSignal
  [option: string]: unknown
}

/** A client of a server on this machine that waits only briefly between attempts. */
export function newClient(
  baseUrl: string,
  cacheDir: string,
  { budget, signal, ...options }: TestClientOptions = {},
): TestClient {
  const rows: LedgerRow[] = []
  const blobs = memoryBlobStore()
  const client = createEndpointClient(
    endpointOptionsSchema.parse({ baseUrl, cacheDir, model: 'fake', maxRetryWaitMs: 5, ...options }),
    { blobs, budget: { calls: null, tokens: null, ...budget }, seed: 1, onCall: (row) => rows.push(row), signal },
  )
  return {
    complete: (request, whatFor) => client.complete(request, whatFor),
    dispose: () => client.dispose(),
    rows,
    blobs,
  }
}

/** Every file below a folder, by its path in it. */
export function filesBelow(folder: string): Map<string, Buffer> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort()
  return new Map(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path)]))
}

/** The code of the error that a promise rejects with; `null` if it resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<string | null> {
  return promise.then(
    () => null,
    (error: Error & { code?: string }) => error.code ?? String(error),
  )
}

/** Waits until a condition holds; throws after a bounded time. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 3000; i++) {
    if (holds()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`never came about: ${what}`)
}
