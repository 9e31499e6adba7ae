import type { AblationArm, AblationMeasure } from '../../records/index.js'

/** How the page shows a measure. */
interface MeasureWords {
  title: string
  axis: string
  digits: number
  isLowerBetter: boolean
  description: string
}

export const measureWords: Record<AblationMeasure, MeasureWords> = {
  code: {
    title: 'Code of held-out repositories',
    axis: 'bits per byte, lower is better',
    digits: 4,
    isLowerBetter: true,
    description:
      'What it takes to write down the files of repositories that no arm was trained on, one file after the other as they are. An arm trained on bare code has seen this very form; the others have not.',
  },
  'trajectory-code': {
    title: 'Code inside held-out trajectories',
    axis: 'bits per byte, lower is better',
    digits: 4,
    isLowerBetter: true,
    description:
      'The same files where they stand in a trajectory, behind requirements, plan and thoughts (not searched). Only what an agent does counts: the code that it writes, and the lines that say what it reads and writes. Arms trained on trajectories have seen this form; the one trained on bare code has not.',
  },
  needle: {
    title: 'Needle in code',
    axis: 'share right, higher is better',
    digits: 3,
    isLowerBetter: false,
    description: 'How often the right one of several continuations is the likeliest.',
  },
  'exact-match': {
    title: 'Next lines, exactly',
    axis: 'share exact, higher is better',
    digits: 3,
    isLowerBetter: false,
    description: 'How often the next lines of a file come out as they are, its repository as context.',
  },
  'edit-similarity': {
    title: 'Next lines, nearly',
    axis: 'edit similarity, higher is better',
    digits: 3,
    isLowerBetter: false,
    description: 'How near the next lines of a file come to what they are, its repository as context.',
  },
}

export const armNames: Record<AblationArm, string> = {
  'raw-code': 'bare code',
  trajectories: 'trajectories',
  'trajectories-unmasked': 'trajectories, unmasked',
  search: 'with search',
  'search-unmasked': 'with search, unmasked',
}
