import { errorClass, type ErrorTable } from '../core/index.js'

export const generationErrors = {
  FILE_UNKNOWN: { kind: 'unit', meaning: 'Words were asked for about a file that the repository does not have.' },
  ANSWER_EMPTY: { kind: 'unit', meaning: 'The language model answered with no text, however often it was asked.' },
  ANSWER_UNUSABLE: {
    kind: 'unit',
    meaning: 'The answer of the language model is not what was asked for, however often it was asked.',
  },
  CONTEXT_TOO_LONG: { kind: 'unit', meaning: 'A prompt is longer than the context of the language model.' },
  REQUEST_REFUSED: { kind: 'unit', meaning: 'The server refuses this one request.' },
  BUDGET_SPENT: { kind: 'run', meaning: 'The budget for calls of a language model is spent; a larger one goes on.' },
  ENDPOINT_UNREACHABLE: { kind: 'run', meaning: 'The server does not answer, or has no room or time for a request.' },
  ENDPOINT_REFUSED: {
    kind: 'run',
    meaning: 'The server refuses every call: wrong key, no such model, nothing left to pay with.',
  },
  API_KEY_MISSING: {
    kind: 'run',
    meaning: 'The environment variable with the API key is empty, and the server is not on this machine.',
  },
  CALLS_BROKEN: {
    kind: 'run',
    meaning: 'This machine cannot make calls or cannot keep their answers, for want of disk space or memory.',
  },
  PROMPT_INVALID: {
    kind: 'run',
    meaning: 'A prompt file is missing, is not UTF-8 text or does not name what it must.',
  },
} as const satisfies ErrorTable

export type GenerationErrorCode = keyof typeof generationErrors

/** Errors of the room `generation`: the language model, its server, and the prompts. */
export class GenerationError extends errorClass(generationErrors) {}
