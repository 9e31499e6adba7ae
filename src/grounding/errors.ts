import { errorClass, type ErrorTable } from '../core/index.js'

export const groundingErrors = {
  INPUT_NOT_FOUND: { kind: 'usage', meaning: 'A repository that was named does not exist or cannot be read.' },
  INPUT_UNSUPPORTED: {
    kind: 'unit',
    meaning: 'An input is neither a folder, nor a git repository, nor a .tar.gz file.',
  },
  ARCHIVE_INVALID: { kind: 'unit', meaning: 'An archive is cut short or is no .tar.gz file.' },
  ARCHIVE_UNSAFE: { kind: 'unit', meaning: 'An archive names a path outside of its own folder.' },
  ARCHIVE_TOO_LARGE: { kind: 'unit', meaning: 'An archive unpacks to more bytes or entries than the config allows.' },
  GIT_UNREADABLE: { kind: 'unit', meaning: 'Git cannot read the repository or does not know the revision.' },
  GIT_MISSING: { kind: 'usage', meaning: 'An input can only be read with git, and there is no git on this machine.' },
  LICENCE_NOT_ALLOWED: {
    kind: 'unit',
    meaning: 'The licence of a repository is not among those that the config allows.',
  },
  NEAR_DUPLICATE: { kind: 'unit', meaning: 'Most of a repository stands in earlier repositories of the run already.' },
  REPOSITORY_EMPTY: {
    kind: 'unit',
    meaning: 'No file of a repository is left to read; what was skipped is listed with reasons.',
  },
  ABORTED: { kind: 'run', meaning: 'Reading was stopped by a signal.' },
} as const satisfies ErrorTable

export type GroundingErrorCode = keyof typeof groundingErrors

/** Errors of the room `grounding`: what was given is no repository, or none that can be read safely. */
export class GroundingError extends errorClass(groundingErrors) {}
