import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  cacheFolder,
  digestOfPrompts,
  findApiKey,
  GenerationError,
  type GenerationOptions,
} from '../../generation/index.js'

/** Reads every prompt that these options use; asks nobody. @throws GenerationError `PROMPT_INVALID` */
export function checkPrompts(options: GenerationOptions): void {
  digestOfPrompts(options)
}

/** Checks that the API key is set if the endpoint needs one; asks nobody. @throws GenerationError `API_KEY_MISSING` */
export function checkApiKey(options: GenerationOptions): void {
  if (options.kind === 'endpoint') findApiKey(options)
}

const probeTimeoutMs = 5_000

/**
 * Asks the endpoint for its list of models, which costs nothing. Any answer counts, except that the key is
 * refused: many servers have no such list.
 *
 * @throws GenerationError `ENDPOINT_UNREACHABLE`, `ENDPOINT_REFUSED`, `API_KEY_MISSING`
 */
export async function probeEndpoint(
  options: GenerationOptions,
): Promise<{ status: number; models: readonly string[] | null } | null> {
  if (options.kind !== 'endpoint') return null
  const { baseUrl, apiKeyEnv } = options
  const headers = { authorization: `Bearer ${findApiKey(options)}` }
  const signal = AbortSignal.timeout(probeTimeoutMs)
  let response: Response
  try {
    response = await fetch(`${baseUrl.replace(/\/+$/, '')}/models`, { headers, redirect: 'manual', signal })
  } catch (cause) {
    const why = signal.aborted ? `no answer came within ${probeTimeoutMs} ms` : deepestMessage(cause)
    const message = `${baseUrl} does not answer: ${why}. Start the server, or correct baseUrl (most end in /v1).`
    throw new GenerationError('ENDPOINT_UNREACHABLE', message, { baseUrl }, { cause })
  }
  if (response.status === 401) {
    const message = `${baseUrl} does not accept the key (401). Set ${apiKeyEnv} to a key of this server.`
    throw new GenerationError('ENDPOINT_REFUSED', message, { baseUrl, apiKeyEnv, status: 401 })
  }
  const body = await response.text().catch(() => '')
  return { status: response.status, models: response.ok ? modelsIn(body) : null }
}

function modelsIn(body: string): string[] | null {
  try {
    const { data } = JSON.parse(body) as { data?: unknown }
    if (!Array.isArray(data)) return null
    return data.flatMap((model: { id?: unknown } | null) => (typeof model?.id === 'string' ? [model.id] : []))
  } catch {
    return null
  }
}

function deepestMessage(error: unknown): string {
  const { cause, message } = error as Error
  return cause instanceof Error ? deepestMessage(cause) : message
}

/** Whether the cache has answers: a run that finds all of its own there needs no server. */
export function hasKeptAnswers(options: GenerationOptions): boolean {
  if (options.kind !== 'endpoint') return false
  const folder = cacheFolder(options)
  if (!existsSync(folder)) return false
  const shelves = readdirSync(folder, { withFileTypes: true }).filter((entry) => /^[0-9a-f]{2}$/.test(entry.name))
  return shelves.some(
    (shelf) => shelf.isDirectory() && readdirSync(join(folder, shelf.name)).some((name) => name.endsWith('.json')),
  )
}
