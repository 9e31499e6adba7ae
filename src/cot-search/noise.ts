import type { Branch, Scorer } from '../scoring/index.js'

/**
 * How far the mean log-probability of the same code moves with the way in which it is computed, in nats per token.
 *
 * The code is scored alone, among others, behind a prefix that was committed in two pieces, and from scratch; the
 * noise is the largest difference between two of these means.
 */
export async function measureNoise(scorer: Scorer, prefix: Uint32Array, branch: Branch): Promise<number> {
  const half = Math.max(1, prefix.length >> 1)
  const whole = await scorer.open(prefix)
  const alone = await meanOf(scorer, whole, [branch], 0)
  const among = await meanOf(scorer, whole, [branch, branch, branch], 2)
  scorer.close(whole)

  const head = await scorer.open(prefix.slice(0, half))
  const both = await scorer.commit(head, { tokens: prefix.slice(half), scored: [] })
  const pieces = await meanOf(scorer, both, [branch], 0)
  scorer.close(head)
  scorer.close(both)

  const first = await scorer.open(prefix.slice(0, 1))
  const rest = prefix.length - 1
  const scratch = await meanOf(scorer, first, [shifted(prefix.slice(1), branch, rest)], 0)
  scorer.close(first)

  const means = [alone, among, pieces, scratch]
  return Math.max(...means) - Math.min(...means)
}

function shifted(before: Uint32Array, branch: Branch, by: number): Branch {
  const tokens = new Uint32Array(before.length + branch.tokens.length)
  tokens.set(before)
  tokens.set(branch.tokens, before.length)
  return { tokens, scored: branch.scored.map(({ start, end }) => ({ start: start + by, end: end + by })) }
}

async function meanOf(
  scorer: Scorer,
  prefix: Awaited<ReturnType<Scorer['open']>>,
  branches: Branch[],
  pick: number,
): Promise<number> {
  const scores = await scorer.score(prefix, branches)
  const { logProbs } = scores[pick] as { logProbs: Float32Array }
  return logProbs.reduce((sum, value) => sum + value, 0) / logProbs.length
}
