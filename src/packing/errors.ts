import { RetraceError } from '../core/index.js'

export type PackingErrorCode = 'DOMAIN_INVALID' | 'SHARD_INVALID'

/** Errors of the room `packing`: a domain that cannot be part of a file name, a shard that cannot be read. */
export class PackingError extends RetraceError<PackingErrorCode> {}
