import { z } from 'zod'

/** ONNX Runtime on the CPU, in a process of its own. */
const onnxOptionsSchema = z.strictObject({
  backend: z.literal('onnx'),
  /** Folder with `config.json`, `tokenizer.json` and `model.safetensors`. */
  modelDir: z.string().min(1),
  /** Threads that one run uses. With more than one, the last bits may differ between machines. */
  threads: z.int().min(1).max(256).default(1),
  /** Most memory for the keys and values of scored branches, per prefix, in MiB. What is dropped is computed again. */
  keptBranchesMiB: z.int().min(0).default(1024),
})

/** Which backend scores, and how. */
export const scorerOptionsSchema = z.discriminatedUnion('backend', [onnxOptionsSchema])
export type ScorerOptions = z.input<typeof scorerOptionsSchema>
export type OnnxScorerOptions = z.output<typeof onnxOptionsSchema>
