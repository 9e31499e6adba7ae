import type { RunConfig } from '../config.js'
import { memoryBlobStore } from '../core/index.js'
import { createParsePool, groundRepository } from '../grounding/index.js'
import type { RepositorySnapshot } from '../records/index.js'
import type { RunContext } from './run/run-context.js'

/** Grounds one repository and keeps nothing. @throws GroundingError */
export async function groundOnly(input: string, config: RunConfig, context: RunContext): Promise<RepositorySnapshot> {
  const pool = createParsePool(config.workers.grounding)
  try {
    const options = context.signal === undefined ? { pool } : { pool, signal: context.signal }
    return await groundRepository(input, config.grounding, memoryBlobStore(), options)
  } finally {
    await pool.dispose()
  }
}
