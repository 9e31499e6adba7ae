import { greedy } from './greedy.js'
import type { Selector } from './selector.js'

/** Every selector. The keys are the values of `search.selector`. */
export const selectors = {
  greedy,
} satisfies Record<string, Selector>

type SelectorName = keyof typeof selectors
export const selectorNames = Object.keys(selectors) as [SelectorName, ...SelectorName[]]
