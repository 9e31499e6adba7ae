import { coreErrors, type ErrorTable } from '../core/index.js'
import { generationErrors } from '../generation/index.js'
import { groundingErrors } from '../grounding/index.js'
import { interchangeErrors } from '../interchange/index.js'
import { modelErrors } from '../model/index.js'
import { packingErrors } from '../packing/index.js'
import { renderingErrors } from '../rendering/index.js'
import { scoringErrors } from '../scoring/index.js'
import { synthesisErrors } from '../synthesis/index.js'
import { tokenizerErrors } from '../tokenizer/index.js'
import { trainingErrors } from '../training/index.js'

/** What the command line reports beside the codes of the rooms; failures of the system have its own, such as `ENOSPC`. */
const commandLineErrors = {
  USAGE: { kind: 'usage', meaning: 'The command or an option of it is unknown, or an argument is missing.' },
  UNEXPECTED: {
    kind: 'run',
    meaning: 'The program failed in a way that has no code; the stack trace is on standard error.',
  },
} as const satisfies ErrorTable

/** Every error code with its kind and meaning, by room: what docs/errors.md is generated from. */
export const errorTables: Readonly<Record<string, ErrorTable>> = {
  core: coreErrors,
  model: modelErrors,
  tokenizer: tokenizerErrors,
  generation: generationErrors,
  scoring: scoringErrors,
  grounding: groundingErrors,
  synthesis: synthesisErrors,
  rendering: renderingErrors,
  packing: packingErrors,
  interchange: interchangeErrors,
  training: trainingErrors,
  cli: commandLineErrors,
}
