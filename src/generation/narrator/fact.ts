import type { Thought } from '../../records/index.js'

/**
 * One true statement about the code that comes next, in one sentence.
 *
 * `id` names the statement independently of its words, so that a thought can be rebuilt from the ids of its facts. The
 * `goal` begins every thought and is never dropped; synthesis uses the `first` facts too; the search may add the `more`.
 */
export interface Fact {
  id: string
  text: string
  role: 'goal' | 'first' | 'more'
}

/** The thought that consists of these facts, in this order. */
export function thoughtOfFacts(facts: readonly Fact[]): Thought {
  return { text: facts.map((fact) => fact.text).join(' '), facts: facts.map((fact) => fact.id) }
}
