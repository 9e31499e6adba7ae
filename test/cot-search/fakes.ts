import type { Branch, BranchScore, Prefix, Scorer, ScorerCounters } from '../../src/scoring/index.js'

export interface Call {
  kind: 'open' | 'score' | 'commit'
  tokens: number[]
}

/**
 * A scorer without a model: a token of the target costs less the more of the words around it the branch's context
 * names. Keeps every prefix's tokens, so that tests see what was asked for.
 */
export function fakeScorer(
  contextLength: number,
): Scorer & { calls: Call[]; openPrefixes: () => number; prefixes: number[][] } {
  const tokensOf = new Map<number, number[]>()
  const calls: Call[] = []
  const prefixes: number[][] = []
  let nextId = 1
  const keep = (tokens: number[]): Prefix => {
    const prefix = { id: nextId++, length: tokens.length }
    tokensOf.set(prefix.id, tokens)
    return prefix
  }
  const read = (prefix: Prefix): number[] => {
    const tokens = tokensOf.get(prefix.id)
    if (tokens === undefined) throw new Error(`prefix ${prefix.id} is closed`)
    return tokens
  }
  const counters: ScorerCounters = {
    prefixTokensComputed: 0,
    branchTokensComputed: 0,
    tokensRecomputed: 0,
    prefixTokensReused: 0,
  }
  return {
    calls,
    prefixes,
    openPrefixes: () => tokensOf.size,
    model: {
      name: 'fake',
      digest: '1'.repeat(64),
      dtype: 'none',
      device: 'fake',
      deviceReason: null,
      vocabularySize: 300,
      contextLength,
    },
    open(tokens) {
      calls.push({ kind: 'open', tokens: [...tokens] })
      return Promise.resolve(keep([...tokens]))
    },
    score(prefix, branches) {
      const before = read(prefix)
      prefixes.push(before)
      const scores = branches.map((branch) => {
        calls.push({ kind: 'score', tokens: [...branch.tokens] })
        if (before.length + branch.tokens.length > contextLength) throw new Error('too long')
        return scoreOf(branch)
      })
      return Promise.resolve(scores)
    },
    commit(prefix, branch) {
      calls.push({ kind: 'commit', tokens: [...branch.tokens] })
      return Promise.resolve(keep([...read(prefix), ...branch.tokens]))
    },
    close: (prefix) => void tokensOf.delete(prefix.id),
    counters: () => Promise.resolve(counters),
    dispose: () => Promise.resolve(),
  }
}

function scoreOf({ tokens, scored }: Branch): BranchScore {
  const [range] = scored
  if (range === undefined) return { logProbs: new Float32Array() }
  const wordsOf = (ids: Uint32Array): string[] =>
    Buffer.from(ids)
      .toString('latin1')
      .match(/[A-Za-z_$]{3,}/g) ?? []
  const named = new Set(wordsOf(tokens.slice(0, range.start)))
  const code = wordsOf(tokens.slice(range.start, range.end))
  const share = code.filter((word) => named.has(word)).length / Math.max(code.length, 1)
  return { logProbs: new Float32Array(range.end - range.start).fill(-2 + share) }
}
