import { digestOf, seededRandom } from '../../core/index.js'
import type { GeneratorInfo, Thought } from '../../records/index.js'
import type { Generator, ThoughtRequest } from '../generator.js'
import { thoughtOfFacts, type Fact } from './fact.js'
import { factsFor } from './facts.js'
import { writeApproach, writePurpose, writeRequirements } from './overview.js'

/**
 * Writes requirements, plan and thoughts from structure alone: no model, no network, the same words every time.
 *
 * A rewrite adds, drops or reorders facts; it never makes one up, as every sentence is read off the snapshot.
 */
export function createNarrator(): Generator {
  return {
    info: narratorInfo,
    overview: async (snapshot) => ({
      requirements: writeRequirements(snapshot),
      approach: writeApproach(snapshot),
      files: snapshot.order.map((path) => ({ path, purpose: writePurpose(snapshot, path) })),
      calls: [],
    }),
    purpose: writePurpose,
    chooseReads: async ({ candidates, maxReads }) => ({ paths: candidates.slice(0, maxReads).map(({ path }) => path) }),
    thought: async (request) => thoughtOfFacts(factsFor(request).filter((fact) => fact.role !== 'more')),
    attempt: async () => null,
    rewrite: async (request, best, tried, count, seed) => rewriteThought(request, best, tried, count, seed),
    dispose: async () => {},
  }
}

export const narratorInfo: GeneratorInfo = { kind: 'narrator', version: '1', model: '', parameters: {}, prompts: [] }

/** Tries per wanted rewrite before the facts are taken as used up. */
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
    const thought = thoughtOfFacts(changeFacts(bestFacts, all, random.below, random.shuffled))
    if (seen.has(thought.text)) continue
    seen.add(thought.text)
    rewrites.push(thought)
  }
  return rewrites
}

type Below = (bound: number) => number
type Shuffled = <T>(items: readonly T[]) => T[]

/** One change: mostly more facts, now and then one fewer, or the same ones in another order. */
function changeFacts(current: readonly Fact[], all: readonly Fact[], below: Below, shuffled: Shuffled): Fact[] {
  const [goal, ...rest] = current
  if (goal === undefined) return [...all.slice(0, 1)]
  const unused = all.filter((fact) => !current.includes(fact))
  const choice = below(10)
  if (choice < 7 && unused.length > 0) {
    const added = shuffled(unused).slice(0, 1 + below(3))
    return [goal, ...inThinkingOrder([...rest, ...added], all)]
  }
  if (choice < 8 && rest.length > 1) {
    const dropped = below(rest.length)
    return [goal, ...rest.filter((_, index) => index !== dropped)]
  }
  return [goal, ...shuffled(rest)]
}

function inThinkingOrder(facts: readonly Fact[], all: readonly Fact[]): Fact[] {
  return [...facts].sort((a, b) => all.indexOf(a) - all.indexOf(b))
}
