import { digestOf, seededRandom, type Random } from '../../core/index.js'
import type { GeneratorInfo, Thought } from '../../records/index.js'
import type { Generator, ThoughtRequest } from '../generator.js'
import { thoughtOfFacts, type Fact } from './fact.js'
import { factsFor } from './facts.js'
import { writeApproach, writePurpose, writeRequirements } from './overview.js'

/**
 * A generator that writes requirements, plan and thoughts from the structure of the repository alone: no model, no
 * network, the same words every time.
 *
 * A rewrite adds, drops or reorders facts. It never invents one: every sentence comes from the snapshot.
 */
export function createNarrator(): Generator {
  return {
    info: narratorInfo,
    overview: (snapshot) =>
      promise(() => ({
        requirements: writeRequirements(snapshot),
        approach: writeApproach(snapshot),
        files: snapshot.order.map((path) => ({ path, purpose: writePurpose(snapshot, path) })),
        calls: [],
      })),
    purpose: writePurpose,
    chooseReads: ({ candidates, maxReads }) =>
      promise(() => ({ paths: candidates.slice(0, maxReads).map(({ path }) => path) })),
    thought: (request) => promise(() => thoughtOfFacts(factsFor(request).filter((fact) => fact.role !== 'more'))),
    attempt: () => Promise.resolve(null),
    rewrite: (request, best, tried, count, seed) => promise(() => rewriteThought(request, best, tried, count, seed)),
    dispose: () => Promise.resolve(),
  }
}

/** Calls `make` at once; an error that it throws becomes a rejection. */
function promise<Value>(make: () => Value): Promise<Value> {
  return new Promise((resolve) => resolve(make()))
}

export const narratorInfo: GeneratorInfo = { kind: 'narrator', version: '1', model: '', parameters: {}, prompts: [] }

/** How many tries each wanted rewrite gets before the facts count as used up. */
const triesPerRewrite = 24

function rewriteThought(
  request: ThoughtRequest,
  best: Thought,
  tried: ReadonlySet<string>,
  count: number,
  seed: string,
): Thought[] {
  const all = factsFor(request)
  const byId = new Map(all.map((fact) => [fact.id, fact]))
  const bestFacts = best.facts.flatMap((id) => byId.get(id) ?? [])
  const random = seededRandom(seed, request.path, digestOf(best.facts))
  const seen = new Set([...tried, best.text])
  const rewrites: Thought[] = []
  for (let tries = 0; rewrites.length < count && tries < count * triesPerRewrite; tries++) {
    const thought = thoughtOfFacts(changeFacts(bestFacts, all, random))
    if (seen.has(thought.text)) continue
    seen.add(thought.text)
    rewrites.push(thought)
  }
  return rewrites
}

/** One random change: mostly more facts, sometimes one fewer, or the same facts in another order. */
function changeFacts(current: readonly Fact[], all: readonly Fact[], random: Random): Fact[] {
  const [goal, ...rest] = current
  if (goal === undefined) return [...all.slice(0, 1)]
  const unused = all.filter((fact) => !current.includes(fact))
  const choice = random.below(10)
  if (choice < 7 && unused.length > 0) {
    const added = random.shuffled(unused).slice(0, 1 + random.below(3))
    return [goal, ...inThinkingOrder([...rest, ...added], all)]
  }
  if (choice < 8 && rest.length > 1) {
    const dropped = random.below(rest.length)
    return [goal, ...rest.filter((_, index) => index !== dropped)]
  }
  return [goal, ...random.shuffled(rest)]
}

function inThinkingOrder(facts: readonly Fact[], all: readonly Fact[]): Fact[] {
  return [...facts].sort((a, b) => all.indexOf(a) - all.indexOf(b))
}
