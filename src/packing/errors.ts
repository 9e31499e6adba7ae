import { errorClass, type ErrorTable } from '../core/index.js'

export const packingErrors = {
  RENDERER_UNKNOWN: { kind: 'run', meaning: 'There is no renderer of this name.' },
  DOMAIN_INVALID: { kind: 'run', meaning: 'The domain of a document cannot be part of a file name.' },
  SHARD_INVALID: { kind: 'run', meaning: 'A shard cannot be read, or differs from what its manifest says.' },
} as const satisfies ErrorTable

/** Errors of the room `packing`: a renderer that does not exist, a domain unfit as a file name, a shard that cannot be read. */
export class PackingError extends errorClass(packingErrors) {}
