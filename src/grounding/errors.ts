import { RetraceError } from '../core/index.js'

export type GroundingErrorCode =
  | 'INPUT_NOT_FOUND'
  | 'INPUT_UNSUPPORTED'
  | 'ARCHIVE_INVALID'
  | 'ARCHIVE_UNSAFE'
  | 'ARCHIVE_TOO_LARGE'
  | 'GIT_UNREADABLE'
  | 'LICENCE_NOT_ALLOWED'
  | 'NEAR_DUPLICATE'
  | 'REPOSITORY_EMPTY'
  | 'ABORTED'

/** Errors of the room `grounding`: what was given is no repository, or none that can be read safely. */
export class GroundingError extends RetraceError<GroundingErrorCode> {}
