import { CoreError } from '../../core/index.js'
import { GenerationError } from '../errors.js'
import { findApiKey, withoutKey } from './api-key.js'
import type { EndpointOptions } from './options.js'
import { readBody } from './read-body.js'
import { deepestMessage, serverMessage } from './server-text.js'

/** What an endpoint answered to `GET {baseUrl}/models`. */
export interface EndpointProbe {
  status: number
  /** Names of the models it serves; `null` if it lists none. */
  models: readonly string[] | null
}

export interface ProbeLimits {
  timeoutMs?: number
  signal?: AbortSignal | undefined
}

const defaultTimeoutMs = 5_000
const maxListBytes = 16 * 1024 * 1024

/**
 * Asks a server for its list of models. Any answer but a refused key counts: many servers have no such list.
 *
 * @throws GenerationError `ENDPOINT_UNREACHABLE` if no answer comes, `ENDPOINT_REFUSED` if the key is refused,
 * `API_KEY_MISSING`, CoreError `ABORTED`
 */
export async function probeModels(
  options: Pick<EndpointOptions, 'baseUrl' | 'apiKeyEnv'>,
  { timeoutMs = defaultTimeoutMs, signal }: ProbeLimits,
): Promise<EndpointProbe> {
  const apiKey = findApiKey(options)
  const timeout = AbortSignal.timeout(timeoutMs)
  const response = await getModels(
    options.baseUrl,
    apiKey,
    signal ? AbortSignal.any([signal, timeout]) : timeout,
  ).catch((cause: unknown) => {
    if (signal?.aborted === true) throw new CoreError('ABORTED', 'The probe of the endpoint was stopped.')
    const reason = timeout.aborted ? `no answer came within ${timeoutMs} ms` : deepestMessage(cause)
    throw unreachable(options.baseUrl, withoutKey(reason, apiKey), cause)
  })
  // The server is there. If the rest of its answer cannot be read, it only lists no models.
  const body = await readBody(response, maxListBytes).catch(() => '')
  if (isKeyRefused(response.status, body)) throw keyRefused(options, withoutKey(serverMessage(body), apiKey))
  return { status: response.status, models: response.ok ? modelsIn(body) : null }
}

function getModels(baseUrl: string, apiKey: string, signal: AbortSignal): Promise<Response> {
  // A redirect is an answer too. It is not followed, so that the key reaches no other server.
  return fetch(`${baseUrl.replace(/\/+$/, '')}/models`, {
    headers: { authorization: `Bearer ${apiKey}` },
    redirect: 'manual',
    signal,
  })
}

/** A hosted key may be allowed to ask models but not to list them; servers say that as 401 too, with the missing scope. */
function isKeyRefused(status: number, body: string): boolean {
  return status === 401 && !/\bscopes?\b/i.test(body)
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

function unreachable(baseUrl: string, reason: string, cause: unknown): GenerationError {
  const message = `${baseUrl} does not answer: ${reason}. Start the server, or correct baseUrl (most end in /v1).`
  return new GenerationError('ENDPOINT_UNREACHABLE', message, { baseUrl }, { cause })
}

function keyRefused(
  { baseUrl, apiKeyEnv }: Pick<EndpointOptions, 'baseUrl' | 'apiKeyEnv'>,
  answer: string,
): GenerationError {
  const detail = answer === '' ? '' : `: ${answer}`
  const message = `${baseUrl} does not accept the key (401${detail}). Set ${apiKeyEnv} to a key of this server.`
  return new GenerationError('ENDPOINT_REFUSED', message, { baseUrl, apiKeyEnv, status: 401 })
}
