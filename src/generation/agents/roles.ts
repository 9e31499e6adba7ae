/** What every prompt about one file may use. */
const fileFacts = ['problem', 'name', 'summary', 'path', 'language', 'lines', 'purpose', 'outline', 'dependencies']

/** What a prompt about a step may use beside. */
const stepFacts = [...fileFacts, 'read', 'before', 'after', 'within', 'packages', 'users']

/**
 * The roles that a language model takes, each with the facts that its prompt may use. What a fact holds is said where it
 * is made: overview-facts.ts and file-facts.ts. `problem` is what was wrong with the answer before.
 */
export const factsOfRole = {
  /** Main agent: requirements, and the order of work in prose. */
  main: ['problem', 'name', 'summary', 'readme', 'tree', 'dependencies', 'outlines'],
  /** Main agent: files and what each is for, in batches. */
  plan: ['problem', 'name', 'summary', 'batch', 'files', 'wrong'],
  /** File agent: what to read. */
  'file-agent': [...fileFacts, 'candidates', 'count'],
  /** File agent: the thoughts before a Read, before code, and before the mending of a first version. */
  'thinker-read': [...stepFacts, 'reads'],
  'thinker-code': [...stepFacts, 'code'],
  'thinker-fix': [...stepFacts, 'check', 'code'],
  /** Another thought for the same step. */
  rewriter: [...stepFacts, 'reads', 'check', 'code', 'best', 'tried'],
  /** File agent: its own try at the code, which therefore is no fact of it. */
  drafter: stepFacts,
} as const satisfies Record<string, readonly string[]>

export type Role = keyof typeof factsOfRole

export const roles = Object.keys(factsOfRole) as Role[]
