import { RetraceError } from '../core/index.js'

export type SynthesisErrorCode = 'REPLAY_FAILED'

/** A trajectory that breaks the replay law; `message` names the step and what differed. */
export class SynthesisError extends RetraceError<SynthesisErrorCode> {}
