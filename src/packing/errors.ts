import { RetraceError } from '../core/index.js'

export type PackingErrorCode = 'RENDERER_UNKNOWN' | 'DOMAIN_INVALID' | 'SHARD_INVALID'

/** Errors of the room `packing`: a renderer that does not exist, a domain unfit as a file name, a shard that cannot be read. */
export class PackingError extends RetraceError<PackingErrorCode> {}
