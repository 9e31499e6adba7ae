import { RetraceError } from '../core/index.js'

export type GenerationErrorCode = 'FILE_UNKNOWN'

export class GenerationError extends RetraceError<GenerationErrorCode> {}
