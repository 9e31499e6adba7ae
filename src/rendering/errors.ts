import { RetraceError } from '../core/index.js'

type RenderingErrorCode = 'RENDERER_UNKNOWN'

/** Errors of the room `rendering`: a renderer that does not exist. */
export class RenderingError extends RetraceError<RenderingErrorCode> {}
