import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { z, type ZodType } from 'zod'
import { jsonSchemaOf, packageRoot, parseConfig, readConfigFile, type JsonSchema } from './core/index.js'
import { searchOptionsSchema } from './cot-search/index.js'
import { generationOptionsSchema } from './generation/index.js'
import { groundingOptionsSchema } from './grounding/index.js'
import { packingOptionsSchema } from './packing/index.js'
import { scorerSettingsSchema, type ScorerSettings } from './scoring/index.js'
import { synthesisOptionsSchema } from './synthesis/index.js'
import { trainingConfigSchema } from './training/index.js'

/** A run's config: each room's own options, and what they share. */
export const runConfigSchema = z.strictObject({
  seed: z.int().nonnegative().default(0).describe('Seed of every random choice in the run.'),
  workers: z
    .strictObject({
      grounding: z
        .int()
        .positive()
        .default(Math.min(8, availableParallelism()))
        .meta({ description: 'Threads that parse.', defaultText: 'the number of CPUs, 8 at most' }),
      synthesis: z
        .int()
        .positive()
        .default(8)
        .describe('Repositories that are synthesized at once; how many calls run at once is for `generation` to say.'),
      scoring: z.int().positive().default(Math.min(4, availableParallelism())).meta({
        description:
          'Scorers; a trajectory is searched by one of them. With `onnx` each has the whole model in memory.',
        defaultText: 'the number of CPUs, 4 at most',
      }),
    })
    .prefault({})
    .describe('How many at once; never changes what comes out.'),
  grounding: groundingOptionsSchema.prefault({}).describe('What is read of a repository, and within which bounds.'),
  generation: generationOptionsSchema
    .prefault({ kind: 'narrator' })
    .describe('Who writes the words: the offline narrator, or a language model behind a server.'),
  synthesis: synthesisOptionsSchema.prefault({}).describe('How a repository becomes a trajectory.'),
  scorer: scorerSettingsSchema.prefault({}).describe('What computes log-likelihoods for the search.'),
  search: z
    .union([z.literal(false), searchOptionsSchema.prefault({})])
    .prefault({})
    .describe('`false` keeps the thoughts as synthesis wrote them.'),
  packing: packingOptionsSchema.omit({ seed: true }).prefault({}).describe('How trajectories become shards.'),
})
export type RunConfig = z.infer<typeof runConfigSchema>

/** Keys of older versions, and the keys that took their places. */
const renamedKeys = { 'scorer.keptBranchesMiB': 'scorer.cacheMiB' }

/** @throws CoreError `CONFIG_INVALID` */
export function parseRunConfig(value: unknown, source: string): RunConfig {
  return parseConfig(runConfigSchema, value, source, renamedKeys)
}

/** The config of a file, or the defaults. @throws CoreError `INPUT_NOT_FOUND` or `CONFIG_INVALID` */
export function loadRunConfig(path: string | undefined): RunConfig {
  return path === undefined ? parseRunConfig({}, 'The built-in config') : parseRunConfig(readConfigFile(path), path)
}

/** The JSON schema of a run's config file, for editors and for the docs. */
export function runConfigJsonSchema(): JsonSchema {
  return fileSchemaOf(runConfigSchema, 'Config of retrace run')
}

/** The same of a training's config file, which replaces keys of a preset. */
export function trainingConfigJsonSchema(): JsonSchema {
  return fileSchemaOf(trainingConfigSchema, 'Config of retrace train')
}

function fileSchemaOf(config: ZodType, title: string): JsonSchema {
  const schema = jsonSchemaOf(config)
  const address = { description: 'The address of this schema, by which editors find it.', type: 'string' }
  return { ...schema, title, properties: { $schema: address, ...schema.properties } }
}

/** A config with some of the scorer's settings replaced. @throws CoreError `CONFIG_INVALID` */
export function withScorerSettings(config: RunConfig, changes: ScorerSettings): RunConfig {
  return { ...config, scorer: parseConfig(scorerSettingsSchema, { ...config.scorer, ...changes }, 'The scorer config') }
}

/** The packing keys that a config file names, and no others, checked. @throws CoreError as `loadRunConfig` */
export function packingChanges(path: string): object {
  const file = readConfigFile(path)
  parseRunConfig(file, path)
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
