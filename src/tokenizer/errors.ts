import { errorClass, type ErrorTable } from '../core/index.js'

export const tokenizerErrors = {
  TOKENIZER_MISSING: { kind: 'usage', meaning: 'The model folder has no tokenizer.json.' },
  TOKENIZER_INVALID: {
    kind: 'run',
    meaning: 'The tokenizer.json cannot be read, or is of a kind whose ids do not give back every byte.',
  },
  UNKNOWN_SPECIAL: { kind: 'run', meaning: 'The tokenizer does not have a special token that is needed.' },
  TOKEN_OUT_OF_RANGE: { kind: 'unit', meaning: 'A token id is not in the vocabulary of the tokenizer.' },
} as const satisfies ErrorTable

/** Errors of the room `tokenizer`: the file it is made from, and names or ids that the file does not have. */
export class TokenizerError extends errorClass(tokenizerErrors) {}
