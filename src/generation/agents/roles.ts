/** The facts that every prompt about a file may use. */
const fileFacts = ['problem', 'name', 'summary', 'path', 'language', 'lines', 'purpose', 'outline', 'dependencies']

/** The facts that a prompt about a step may use. */
const stepFacts = [...fileFacts, 'read', 'before', 'after', 'within', 'packages', 'users']

/**
 * The roles of the language model, each with the facts that its prompt may use. overview-facts.ts and file-facts.ts make
 * the facts. `problem` is what was wrong with the previous answer.
 */
export const factsOfRole = {
  /** Main agent: requirements, and the order of work in prose. */
  main: ['problem', 'name', 'summary', 'readme', 'tree', 'dependencies', 'outlines'],
  /** Main agent: the purpose of each file, in batches. */
  plan: ['problem', 'name', 'summary', 'batch', 'files', 'wrong'],
  /** File agent: which files to read. */
  'file-agent': [...fileFacts, 'candidates', 'count'],
  /** File agent: the thoughts before a Read, before code, and before the fix of a wrong first version. */
  'thinker-read': [...stepFacts, 'reads'],
  'thinker-code': [...stepFacts, 'code'],
  'thinker-fix': [...stepFacts, 'check', 'code'],
  /** Another thought for the same step. */
  rewriter: [...stepFacts, 'reads', 'check', 'code', 'best', 'tried'],
  /** File agent: its own attempt at the code; so the true code is not among its facts. */
  drafter: stepFacts,
} as const satisfies Record<string, readonly string[]>

export type Role = keyof typeof factsOfRole

export const roles = Object.keys(factsOfRole) as Role[]
