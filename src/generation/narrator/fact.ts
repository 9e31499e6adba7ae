import type { Thought } from '../../records/index.js'

/**
 * One true statement about the code to come, in one sentence.
 *
 * `id` names the statement, not its words, so a thought can be taken apart and told again. `goal` is what the thought
 * opens with and is never dropped; `first` marks what synthesis says unasked, the rest is there for the search to add.
 */
export interface Fact {
  id: string
  text: string
  role: 'goal' | 'first' | 'more'
}

/** A thought is its facts told one after the other. */
export function thoughtOfFacts(facts: readonly Fact[]): Thought {
  return { text: facts.map((fact) => fact.text).join(' '), facts: facts.map((fact) => fact.id) }
}
