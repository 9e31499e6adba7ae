import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { packageRoot, parseConfig, readJsonFile } from './core/index.js'
import { searchOptionsSchema } from './cot-search/index.js'
import { generationOptionsSchema } from './generation/index.js'
import { groundingOptionsSchema } from './grounding/index.js'
import { packingOptionsSchema } from './packing/index.js'
import { scorerSettingsSchema, type ScorerSettings } from './scoring/index.js'
import { synthesisOptionsSchema } from './synthesis/index.js'

/** A run's config: each room's own options, and what they share. The README explains every key. */
export const runConfigSchema = z.strictObject({
  /** Of every random choice in the run. */
  seed: z.int().nonnegative().default(0),
  /** How many at once; never changes what comes out. */
  workers: z
    .strictObject({
      /** Threads that parse. */
      grounding: z.int().positive().default(Math.min(8, availableParallelism())),
      /** Repositories that are synthesized at once; how many calls run at once is for `generation` to say. */
      synthesis: z.int().positive().default(8),
      /** Scorers; a trajectory is searched by one of them. With `onnx` each has the whole model in memory. */
      scoring: z.int().positive().default(Math.min(4, availableParallelism())),
    })
    .prefault({}),
  grounding: groundingOptionsSchema.prefault({}),
  generation: generationOptionsSchema.prefault({ kind: 'narrator' }),
  synthesis: synthesisOptionsSchema.prefault({}),
  scorer: scorerSettingsSchema.prefault({}),
  /** `false` keeps the thoughts as synthesis wrote them. */
  search: z.union([z.literal(false), searchOptionsSchema.prefault({})]).prefault({}),
  packing: packingOptionsSchema.omit({ seed: true }).prefault({}),
})
export type RunConfig = z.infer<typeof runConfigSchema>

/** The config of a file, or the defaults. @throws CoreError `INPUT_NOT_FOUND` or `CONFIG_INVALID` */
export function loadRunConfig(path: string | undefined): RunConfig {
  return path === undefined
    ? parseConfig(runConfigSchema, {}, 'The built-in config')
    : parseConfig(runConfigSchema, readJsonFile(path), path)
}

/** A config with some of the scorer's settings replaced. @throws CoreError `CONFIG_INVALID` */
export function withScorerSettings(config: RunConfig, changes: ScorerSettings): RunConfig {
  return { ...config, scorer: parseConfig(scorerSettingsSchema, { ...config.scorer, ...changes }, 'The scorer config') }
}

/** The packing keys that a config file names, and no others, checked. @throws CoreError as `loadRunConfig` */
export function packingChanges(path: string): object {
  const file = readJsonFile(path)
  parseConfig(runConfigSchema, file, path)
  return (file as { packing?: object }).packing ?? {}
}

/** The part of a config that decides what comes out: two runs that agree in it end in the same bytes. */
export function decidingConfig(config: RunConfig): Omit<RunConfig, 'workers'> {
  const { workers: _workers, ...deciding } = config
  return deciding
}

/** The model that ships with retrace. */
export function shippedModel(): string {
  return join(packageRoot(), 'models', 'retrace-small')
}

export function retraceVersion(): string {
  const manifest = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }
  return manifest.version
}
