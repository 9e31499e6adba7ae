import type { Candidate, SearchRow } from '../records/index.js'

/** The scores of the code under one condition, over the thoughts that have it. `null` where no thought has. */
export interface CurvePoint {
  /** `none`: no thought. `other`: another file's thought, the control. `first`: as written. `round`: kept after it. */
  condition: 'none' | 'other' | 'first' | 'round'
  /** 0 for the conditions before the first round. */
  round: number
  /** The number of thoughts and of code tokens behind the point. */
  thoughts: number
  targetTokens: number
  /** Mean over thoughts of the mean log-probability per token, nats; every thought has the same weight. */
  meanLogProb: number | null
  /** exp(-meanLogProb). */
  perplexity: number | null
  /** exp(-sum of log-probabilities / sum of tokens): every code token has the same weight. */
  tokenPerplexity: number | null
  /** `perplexity` of the same code with no thought, for comparison: points may be over different thoughts. */
  baselinePerplexity: number | null
  meanThoughtTokens: number | null
}

/** The search in figures. Gains are in nats per token, against no thought on the same row. */
export interface SearchSummary {
  rows: number
  searched: number
  tooLong: number
  rounds: number
  /** `none`, `other`, `first`, then `round` from 1 up to the last round; empty where nothing was searched. */
  curve: CurvePoint[]
  /** First thoughts that a gate rejected before they were scored; the search then starts without a thought. */
  firstStopped: number
  /** Thoughts that were replaced by a rewrite, and their share of the searched; `null` where nothing was searched. */
  improved: number
  improvedShare: number | null
  /** Rewrites by decision, most frequent first. */
  decisions: { decision: Candidate['decision']; count: number }[]
  /** Over the thoughts with both scores. */
  meanGain: { other: number | null; first: number | null; kept: number | null }
  medianGain: number | null
}

/** Sums up search rows, of a whole run or of one trajectory. */
export function summarizeSearch(rows: readonly SearchRow[]): SearchSummary {
  const searched = rows.filter(isSearched)
  const rounds = searched.flatMap((row) => row.candidates).reduce((last, { round }) => Math.max(last, round), 0)
  const improved = searched.filter((row) => keptThought(row)?.role === 'candidate').length
  const gained = keptGains(rows)
  return {
    rows: rows.length,
    searched: searched.length,
    tooLong: rows.filter((row) => row.outcome === 'too-long').length,
    rounds,
    curve: searched.length === 0 ? [] : drawCurve(searched, rounds),
    firstStopped: searched.filter((row) => withRole(row, 'first') === undefined).length,
    improved,
    improvedShare: searched.length === 0 ? null : improved / searched.length,
    decisions: countDecisions(searched),
    meanGain: {
      other: mean(gains(searched, (row) => withRole(row, 'other'))),
      first: mean(gains(searched, (row) => withRole(row, 'first'))),
      kept: mean(gained),
    },
    medianGain: median(gained),
  }
}

/**
 * The thought that a row holds after a round; round 0 is where the search starts.
 *
 * The thought kept in the end, from the round on in which it was found; before that the thought accepted last. In a
 * greedy search both are the same.
 */
export function heldAfter(row: SearchRow, round: number): Candidate | undefined {
  const kept = keptThought(row)
  if (kept !== undefined && kept.round <= round) return kept
  return row.candidates.findLast((candidate) => candidate.accepted && candidate.round <= round)
}

function keptThought(row: SearchRow): Candidate | undefined {
  return row.candidates[row.chosen]
}

/** The scored candidate of a role. */
function withRole(row: SearchRow, role: Candidate['role']): Candidate | undefined {
  return row.candidates.find((candidate) => candidate.role === role && candidate.score !== null)
}

/** The gain of each kept thought against no thought, nats per token, in the order of the rows. */
export function keptGains(rows: readonly SearchRow[]): number[] {
  return gains(rows.filter(isSearched), keptThought)
}

function isSearched(row: SearchRow): boolean {
  return row.outcome === 'searched' && keptThought(row) !== undefined
}

type Pick = (row: SearchRow) => Candidate | undefined
type Score = NonNullable<Candidate['score']>

interface Scored {
  row: SearchRow
  candidate: Candidate
  score: Score
}

/** The candidates that have a score, each with its row. */
function findScored(rows: readonly SearchRow[], pick: Pick): Scored[] {
  return rows.flatMap((row) => {
    const candidate = pick(row)
    return candidate === undefined || candidate.score === null ? [] : [{ row, candidate, score: candidate.score }]
  })
}

function drawCurve(rows: readonly SearchRow[], rounds: number): CurvePoint[] {
  const point = (condition: CurvePoint['condition'], round: number, pick: Pick): CurvePoint => {
    const scored = findScored(rows, pick)
    const baseline = findScored(
      scored.map(({ row }) => row),
      (row) => withRole(row, 'none'),
    )
    const targetTokens = total(scored.map(({ row }) => row.targetTokens))
    const sum = total(scored.map(({ score }) => score.sum))
    const meanLogProb = mean(scored.map(({ score }) => score.mean))
    return {
      condition,
      round,
      thoughts: scored.length,
      targetTokens,
      meanLogProb,
      perplexity: perplexityOf(meanLogProb),
      tokenPerplexity: targetTokens === 0 ? null : perplexityOf(sum / targetTokens),
      baselinePerplexity: perplexityOf(mean(baseline.map(({ score }) => score.mean))),
      meanThoughtTokens: mean(scored.map(({ candidate }) => candidate.thoughtTokens)),
    }
  }
  return [
    point('none', 0, (row) => withRole(row, 'none')),
    point('other', 0, (row) => withRole(row, 'other')),
    point('first', 0, (row) => withRole(row, 'first')),
    ...Array.from({ length: rounds }, (_, at) => point('round', at + 1, (row) => heldAfter(row, at + 1))),
  ]
}

function gains(rows: readonly SearchRow[], pick: Pick): number[] {
  return findScored(rows, pick).flatMap(({ row, score }) => {
    const none = withRole(row, 'none')?.score
    return none ? [score.mean - none.mean] : []
  })
}

function countDecisions(rows: readonly SearchRow[]): SearchSummary['decisions'] {
  const counts = new Map<Candidate['decision'], number>()
  for (const candidate of rows.flatMap((row) => row.candidates)) {
    if (candidate.role !== 'candidate') continue
    counts.set(candidate.decision, (counts.get(candidate.decision) ?? 0) + 1)
  }
  return [...counts]
    .map(([decision, count]) => ({ decision, count }))
    .sort((a, b) => b.count - a.count || (a.decision < b.decision ? -1 : 1))
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}

function perplexityOf(meanLogProb: number | null): number | null {
  return meanLogProb === null ? null : Math.exp(-meanLogProb)
}

function mean(numbers: readonly number[]): number | null {
  return numbers.length === 0 ? null : total(numbers) / numbers.length
}

function median(numbers: readonly number[]): number | null {
  if (numbers.length === 0) return null
  const sorted = [...numbers].sort((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] as number
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] as number
  return (lower + upper) / 2
}
