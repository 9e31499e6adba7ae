import type { Selector } from './selector.js'

/** The paper's: of the candidates that gain enough, the one with the highest mean is accepted. */
export const greedy: Selector = (candidates, best, leastGain) => {
  const gains = candidates.map(({ score }) => (score === null ? -Infinity : score.mean - best.mean))
  const top = Math.max(...gains)
  const winner = top > leastGain ? gains.indexOf(top) : -1
  return candidates.map((candidate, index) => {
    if (candidate.score === null) return candidate
    if (index === winner) return { ...candidate, accepted: true, decision: 'gain' }
    const decision = (gains[index] as number) > leastGain ? 'outdone' : 'no-gain'
    return { ...candidate, accepted: false, decision }
  })
}
