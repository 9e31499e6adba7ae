import { z } from 'zod'
import type { GeneratorInfo } from '../records/index.js'
import type { GenerationContext } from './context.js'
import type { EndpointProbe, ProbeLimits } from './endpoint/probe-endpoint.js'
import type { Generator } from './generator.js'
import { endpointKind } from './kinds/endpoint.js'
import type { GeneratorKind } from './kinds/generator-kind.js'
import { narratorKind } from './kinds/narrator.js'

/** The kinds of generator by the `kind` of their options. To add one: a file in `kinds/` and a line here. */
const generatorTable = {
  narrator: narratorKind,
  endpoint: endpointKind,
}

type OptionsSchema = (typeof generatorTable)[keyof typeof generatorTable]['optionsSchema']

export const generationOptionsSchema = z.discriminatedUnion(
  'kind',
  Object.values(generatorTable).map(({ optionsSchema }) => optionsSchema) as [OptionsSchema, ...OptionsSchema[]],
)
export type GenerationOptions = z.infer<typeof generationOptionsSchema>

/** The kind that these options choose. TypeScript cannot see that each kind takes the options with its own key. */
function kindOf(options: GenerationOptions): GeneratorKind<GenerationOptions> {
  return generatorTable[options.kind] as unknown as GeneratorKind<GenerationOptions>
}

/** @throws GenerationError `API_KEY_MISSING`, `PROMPT_INVALID` */
export function createGenerator(options: GenerationOptions, context: GenerationContext): Generator {
  return kindOf(options).create(options, context)
}

/** What the records keep about the generator that these options make. @throws GenerationError `PROMPT_INVALID` */
export function describeGenerator(options: GenerationOptions): GeneratorInfo {
  return kindOf(options).describe(options)
}

/** Digest of all prompts that these options use; empty if they use none. @throws GenerationError `PROMPT_INVALID` */
export function digestOfPrompts(options: GenerationOptions): string {
  return kindOf(options).promptsDigest(options)
}

/** The options that decide which words are written. Which server writes them, and how it is asked, may change in a run. */
export function decidingOptions(options: GenerationOptions): object {
  return kindOf(options).decidingOptions(options)
}

/** Reads and checks every prompt that these options use; asks nobody. @throws GenerationError `PROMPT_INVALID` */
export function checkPrompts(options: GenerationOptions): void {
  kindOf(options).checkPrompts(options)
}

/** Checks that the API key is set if the endpoint needs one; asks nobody. @throws GenerationError `API_KEY_MISSING` */
export function checkApiKey(options: GenerationOptions): void {
  kindOf(options).checkApiKey(options)
}

/**
 * Checks that the endpoint answers, by asking for its list of models: that costs nothing and sends no content. `null` if
 * these options have no endpoint.
 *
 * @throws GenerationError `ENDPOINT_UNREACHABLE`, `ENDPOINT_REFUSED` if it does not accept the key, `API_KEY_MISSING`,
 * CoreError `ABORTED`
 */
export function probeEndpoint(options: GenerationOptions, limits: ProbeLimits = {}): Promise<EndpointProbe | null> {
  return kindOf(options).probe(options, limits)
}
