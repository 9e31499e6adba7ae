import { RetraceError } from '../core/index.js'

export type TokenizerErrorCode = 'TOKENIZER_MISSING' | 'TOKENIZER_INVALID' | 'UNKNOWN_SPECIAL' | 'TOKEN_OUT_OF_RANGE'

/** Errors of the room `tokenizer`: the file it is made from, and names or ids that the file does not have. */
export class TokenizerError extends RetraceError<TokenizerErrorCode> {}
