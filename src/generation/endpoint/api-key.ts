import { GenerationError } from '../errors.js'
import type { EndpointOptions } from './options.js'

/** What a server that needs no key is sent: the header must not be empty. */
const placeholder = 'none'
/** A shorter key (`EMPTY`, `ollama`) is no secret, and may be part of texts that must not be changed. */
const minSecretChars = 8

/**
 * The key to send.
 *
 * @throws GenerationError `API_KEY_MISSING` if the server is another machine and no key is set, or the key cannot be sent
 */
export function findApiKey({ baseUrl, apiKeyEnv }: Pick<EndpointOptions, 'baseUrl' | 'apiKeyEnv'>): string {
  const key = process.env[apiKeyEnv]?.trim() ?? ''
  if (key !== '' && !/^[\x21-\x7e]+$/.test(key)) {
    const message = `The key in ${apiKeyEnv} holds a blank or a character that no header can carry. Set it anew.`
    throw new GenerationError('API_KEY_MISSING', message, { apiKeyEnv })
  }
  if (key !== '') return key
  if (isThisMachine(new URL(baseUrl).hostname)) return placeholder
  throw new GenerationError(
    'API_KEY_MISSING',
    `${baseUrl} needs a key, and the environment variable ${apiKeyEnv} is not set. Set it to your key, or to any word ` +
      'where the server asks for none.',
    { baseUrl, apiKeyEnv },
  )
}

/** A text without the key in it: servers repeat what they were sent. */
export function withoutKey(text: string, key: string): string {
  return key.length < minSecretChars ? text : text.replaceAll(key, '[key]')
}

function isThisMachine(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^(127\.|0\.0\.0\.0$)/.test(host)
}
