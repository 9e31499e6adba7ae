import type { z } from 'zod'
import type { GeneratorInfo } from '../../records/index.js'
import type { GenerationContext } from '../context.js'
import type { EndpointProbe, ProbeLimits } from '../endpoint/probe-endpoint.js'
import type { Generator } from '../generator.js'

/** One kind of generator: its options, how it is made, and what can be checked before it is used. */
export interface GeneratorKind<Options> {
  /** A strict object whose `kind` is the key of this kind in the table. */
  optionsSchema: z.ZodType<Options>
  /** @throws GenerationError `API_KEY_MISSING`, `PROMPT_INVALID` */
  create(options: Options, context: GenerationContext): Generator
  /** What the records keep about the generator. @throws GenerationError `PROMPT_INVALID` */
  describe(options: Options): GeneratorInfo
  /** Empty if the kind has no prompts. @throws GenerationError `PROMPT_INVALID` */
  promptsDigest(options: Options): string
  /** The options that decide which words are written. The others may change when a run is continued. */
  decidingOptions(options: Options): object
  /** @throws GenerationError `PROMPT_INVALID` */
  checkPrompts(options: Options): void
  /** @throws GenerationError `API_KEY_MISSING` */
  checkApiKey(options: Options): void
  /** `null` if the kind has no endpoint. @throws GenerationError `ENDPOINT_UNREACHABLE`, `ENDPOINT_REFUSED` */
  probe(options: Options, limits: ProbeLimits): Promise<EndpointProbe | null>
}
