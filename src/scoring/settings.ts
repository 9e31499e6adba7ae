import { z } from 'zod'

/** Devices that a person may ask for. `auto` takes a GPU where one can be used, else the CPU, and says why. */
export const deviceNames = ['auto', 'cpu', 'cuda'] as const

/** What some device of the native engine knows as `kernels`; the engine itself refuses what its device does not have. */
const kernelNames = [
  ...['auto', 'avx512', 'avx2', 'baseline'],
  ...['portable', 'cublaslt', 'hopper', 'hopper-gemm', 'hopper-attention', 'cudnn'],
]
const areKernelsKnown = (kernels: string): boolean => kernels.split(',').every((name) => kernelNames.includes(name))

/** How a backend scores; which of them a backend cannot honour, its `refuse` says. */
export const backendSettings = {
  device: z
    .enum([...deviceNames, 'emulated'])
    .default('auto')
    .describe(
      'Where to compute. `auto` takes a GPU where one can be used, else the CPU, and says why. `onnx` knows the CPU alone. `emulated` runs the CUDA kernels on the CPU, for tests, thousands of times slower.',
    ),
  gpu: z.int().nonnegative().default(0).describe('Which GPU, counted from 0 among those that CUDA shows.'),
  precision: z
    .enum(['auto', 'float32', 'bfloat16'])
    .default('auto')
    .describe(
      'Type that `native` computes in: `auto` is float32 on the CPU and bfloat16 on a GPU; `bfloat16` on the CPU rounds where a GPU does.',
    ),
  kernels: z
    .string()
    .min(1)
    .refine(areKernelsKnown, `expected a list with commas of ${kernelNames.join(', ')}`)
    .default('auto')
    .describe(
      'Choice of kernels: a comma-separated list. A device that does not know an entry says which ones it knows.',
    ),
  threads: z.int().min(1).max(256).optional().meta({
    description:
      'CPU threads of one forward pass. Several scorers of `onnx` run side by side; those of `native` take turns in one engine, and their number changes no bit.',
    defaultText: '`onnx`: 1, `native`: all cores',
  }),
  cacheMiB: z.int().nonnegative().optional().meta({
    description:
      'Most memory for keys and values; what does not fit is computed again. `onnx`: for branches that were scored, and 0 keeps none. `native`: for everything, open prefixes and the current call included.',
    unit: 'MiB',
    defaultText: '1024 on the CPU, all free memory on a GPU',
  }),
}

export type BackendSettings = z.output<z.ZodObject<typeof backendSettings>>
/** The settings with the folder of the model: what a backend is made from. */
export type BackendOptions = BackendSettings & { modelDir: string }
