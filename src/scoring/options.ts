import { z } from 'zod'

const settings = {
  backend: z
    .enum(['onnx', 'native'])
    .default('onnx')
    .describe(
      '`onnx`: ONNX Runtime on the CPU, in a process of its own. `native`: our own engine in this process, on a GPU or the CPU, built by `npm run build:native`; its scores do not depend in a single bit on what is scored together, in which order, or what was kept.',
    ),
  device: z
    .enum(['auto', 'cpu', 'cuda', 'emulated'])
    .default('auto')
    .describe(
      'What `native` computes on; `auto` takes a GPU where one can be used, else the CPU, and says why. `onnx` knows the CPU alone. `emulated` runs the CUDA kernels on the CPU, for tests, thousands of times slower.',
    ),
  gpu: z.int().nonnegative().default(0).describe('Which GPU, counted from 0 as CUDA counts those that it may see.'),
  precision: z
    .enum(['auto', 'float32', 'bfloat16'])
    .default('auto')
    .describe(
      'What `native` computes with: `auto` is float32 on the CPU and bfloat16 on a GPU; `bfloat16` on the CPU rounds where a GPU does.',
    ),
  kernels: z
    .string()
    .min(1)
    .default('auto')
    .describe('Choice of kernels, a comma-separated list that the device explains where it does not know one.'),
  threads: z
    .int()
    .min(1)
    .max(256)
    .optional()
    .describe(
      'CPU threads that one forward pass uses. `onnx`: default 1, as several scorers run side by side. `native`: default all cores, as its scorers take turns in one engine; their number changes no bit.',
    ),
  cacheMiB: z.int().nonnegative().optional().meta({
    description:
      'Most memory for keys and values, in MiB; what is dropped for want of it is computed again. `onnx`: of scored branches, default 1024, and 0 keeps none. `native`: of everything, open prefixes and the call under way included; default 1024 on the CPU, and on a GPU what is free.',
    unit: 'MiB',
  }),
}

/** Which backend scores, and how. */
export const scorerSettingsSchema = z.strictObject(settings).superRefine(checkSettings)
/** The same, of a model: folder with `config.json`, `tokenizer.json` and the weights as safetensors. */
export const scorerOptionsSchema = z
  .strictObject({ modelDir: z.string().min(1), ...settings })
  .superRefine(checkSettings)

/** As a caller writes them; the rest has defaults. */
export type ScorerSettings = z.input<typeof scorerSettingsSchema>
export type ScorerOptions = z.input<typeof scorerOptionsSchema>
/** As a backend gets them. */
export type CheckedScorerOptions = z.output<typeof scorerOptionsSchema>

/** What one backend knows and another does not. */
function checkSettings(given: z.output<z.ZodObject<typeof settings>>, context: z.RefinementCtx): void {
  const refuse = (key: keyof typeof settings, message: string): void =>
    context.addIssue({ code: 'custom', path: [key], message })
  if (given.backend === 'native') {
    if (given.cacheMiB === 0) refuse('cacheMiB', 'the native backend cannot do without; leave it out for the default')
    return
  }
  if (given.device !== 'auto' && given.device !== 'cpu')
    refuse('device', `the onnx backend computes on the CPU only, not on ${given.device}; use the backend "native"`)
  if (given.precision === 'bfloat16')
    refuse('precision', 'the onnx backend computes in float32 only; use the backend "native"')
  if (given.kernels !== 'auto') refuse('kernels', 'the onnx backend has no choice of kernels; use the backend "native"')
}
