import { z } from 'zod'

/** Which backend scores, and how. */
export const scorerOptionsSchema = z.strictObject({
  /** `onnx`: ONNX Runtime on the CPU, in a process of its own. */
  backend: z.enum(['onnx']).default('onnx'),
  /** Folder with `config.json`, `tokenizer.json` and `model.safetensors`. */
  modelDir: z.string().min(1),
  /** Threads that one run uses. */
  threads: z.int().min(1).max(256).default(1),
  /** Most memory for the keys and values of scored branches, in MiB. What is dropped is computed again. */
  keptBranchesMiB: z.int().nonnegative().default(1024),
})
/** As a caller writes them; the rest has defaults. */
export type ScorerOptions = z.input<typeof scorerOptionsSchema>
/** As a backend gets them. */
export type CheckedScorerOptions = z.output<typeof scorerOptionsSchema>
