import { errorClass, type ErrorTable } from '../core/index.js'

export const synthesisErrors = {
  REPLAY_FAILED: {
    kind: 'unit',
    meaning: 'Running the actions of a trajectory does not give the files of its repository byte for byte.',
  },
} as const satisfies ErrorTable

/** A trajectory that breaks the replay law; `message` names the step and what differed. */
export class SynthesisError extends errorClass(synthesisErrors) {}
