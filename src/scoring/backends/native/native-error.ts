import { CoreError, isErrorCode, type RetraceError } from '../../../core/index.js'
import { ScoringError, scoringErrors } from '../../errors.js'
import type { NativeError } from './addon-types.js'

/** An error of the addon as one of ours, with the file, line and status of a failed device call in its details. */
export function reviveNativeError(error: unknown): RetraceError {
  const { code, message, details = {} } = error as Partial<NativeError>
  if (code === 'INVALID_OPTIONS') return new CoreError('CONFIG_INVALID', message ?? '', details, { cause: error })
  // A TypeError or RangeError of the addon has no code, or one of Node's: the fault is this backend's.
  if (code === undefined || details === undefined || error instanceof TypeError || error instanceof RangeError) {
    return new ScoringError('BACKEND_FAILED', `The native engine was called wrongly: ${message}`, {}, { cause: error })
  }
  const known = isErrorCode(scoringErrors, code) ? code : 'BACKEND_FAILED'
  return new ScoringError(known, message ?? '', details, { cause: error })
}
