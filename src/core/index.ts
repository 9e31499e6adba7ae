// What every room uses: errors with codes, config, files that appear whole or not at all, hashes, seeded random
// numbers, the run folder, progress and the thread pool. It has no word of the domain.
// Add here only what three rooms use.
export {
  CoreError,
  RetraceError,
  coreErrors,
  errorClass,
  fromWireError,
  isErrorCode,
  toWireError,
  type ErrorTable,
  type WireError,
} from './errors.js'
export { memoryBlobStore, type BlobStore } from './blobs.js'
export { blobSpanSchema, digestSchema, spanReader, type BlobSpan, type SpanReader } from './span.js'
export { parseConfig, readConfigFile } from './config.js'
export { jsonSchemaOf, type JsonSchema } from './json-schema.js'
export { eachBounded } from './each-bounded.js'
export { readFileIfPresent, writeFileAtomic } from './files.js'
export { lockFolder } from './folder-lock.js'
export { canonicalJson, digestOf, fnv1a, fnv1aStart, sha256Hex } from './hash.js'
export { isLockHeld, takeLockFile, touchLockFile } from './lock-file.js'
export { packageRoot } from './package-root.js'
export { silentProgress, type Progress, type StageProgress } from './progress.js'
export { seededRandom, type Random } from './random.js'
export { RunStore } from './run-store.js'
export { createWorkerPool, workerTask, type WorkerPool } from './worker-pool.js'
