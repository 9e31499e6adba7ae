import type { Candidate, SearchRow } from '../records/index.js'

/** The code under one condition, over every thought that has it. Numbers are `null` where no thought does. */
export interface CurvePoint {
  /** `none`: no thought. `other`: another file's thought, the control. `first`: as written. `round`: kept after it. */
  condition: 'none' | 'other' | 'first' | 'round'
  /** 0 for what stands before the rounds. */
  round: number
  /** Thoughts and code tokens that the point is over. */
  thoughts: number
  targetTokens: number
  /** Mean over thoughts of the mean log-probability per token, nats; every thought counts the same. */
  meanLogProb: number | null
  /** exp(-meanLogProb). */
  perplexity: number | null
  /** exp(-sum of log-probabilities / sum of tokens): every code token counts the same. */
  tokenPerplexity: number | null
  /** As `perplexity`, of the same code with no thought: what to compare with, since not every point has every thought. */
  baselinePerplexity: number | null
  meanThoughtTokens: number | null
}

/** What the search did, in figures. Gains are in nats per token, always against no thought on the same row. */
export interface SearchSummary {
  rows: number
  searched: number
  tooLong: number
  rounds: number
  /** `none`, `other`, `first`, then `round` from 1 up to the last round; empty where nothing was searched. */
  curve: CurvePoint[]
  /** First thoughts that a gate stopped before they were scored; the search then starts from no thought. */
  firstStopped: number
  /** Thoughts that end as a rewrite, and their share of the searched; `null` where nothing was searched. */
  improved: number
  improvedShare: number | null
  /** Rewrites by what became of them, most frequent first. */
  decisions: { decision: Candidate['decision']; count: number }[]
  /** Over the thoughts that have both scores. */
  meanGain: { other: number | null; first: number | null; kept: number | null }
  medianGain: number | null
}

/** Sums up search rows, of a whole run or of one trajectory. */
export function summarizeSearch(rows: readonly SearchRow[]): SearchSummary {
  const searched = rows.filter(isSearched)
  const rounds = searched.flatMap((row) => row.candidates).reduce((most, one) => Math.max(most, one.round), 0)
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
 * It is the one kept in the end as soon as that exists, and until then the one accepted last: for the greedy search
 * both are the same.
 */
export function heldAfter(row: SearchRow, round: number): Candidate | undefined {
  const kept = keptThought(row)
  if (kept !== undefined && kept.round <= round) return kept
  return row.candidates.findLast((one) => one.accepted && one.round <= round)
}

function keptThought(row: SearchRow): Candidate | undefined {
  return row.candidates[row.chosen]
}

/** The candidate of a role, where it was scored. */
function withRole(row: SearchRow, role: Candidate['role']): Candidate | undefined {
  return row.candidates.find((one) => one.role === role && one.score !== null)
}

/** What each searched thought gains in the end against none, nats per token, in order of the rows. */
export function keptGains(rows: readonly SearchRow[]): number[] {
  return gains(rows.filter(isSearched), keptThought)
}

function isSearched(row: SearchRow): boolean {
  return row.outcome === 'searched' && keptThought(row) !== undefined
}

type Pick = (row: SearchRow) => Candidate | undefined
type Score = NonNullable<Candidate['score']>

interface Found {
  row: SearchRow
  candidate: Candidate
  score: Score
}

/** The candidates that have a score, each with its row. */
function findScored(rows: readonly SearchRow[], pick: Pick): Found[] {
  return rows.flatMap((row) => {
    const candidate = pick(row)
    return candidate === undefined || candidate.score === null ? [] : [{ row, candidate, score: candidate.score }]
  })
}

function drawCurve(rows: readonly SearchRow[], rounds: number): CurvePoint[] {
  const point = (condition: CurvePoint['condition'], round: number, pick: Pick): CurvePoint => {
    const found = findScored(rows, pick)
    const same = findScored(
      found.map(({ row }) => row),
      (row) => withRole(row, 'none'),
    )
    const targetTokens = total(found.map(({ row }) => row.targetTokens))
    const sum = total(found.map(({ score }) => score.sum))
    const meanLogProb = mean(found.map(({ score }) => score.mean))
    return {
      condition,
      round,
      thoughts: found.length,
      targetTokens,
      meanLogProb,
      perplexity: perplexityOf(meanLogProb),
      tokenPerplexity: targetTokens === 0 ? null : perplexityOf(sum / targetTokens),
      baselinePerplexity: perplexityOf(mean(same.map(({ score }) => score.mean))),
      meanThoughtTokens: mean(found.map(({ candidate }) => candidate.thoughtTokens)),
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
  return numbers.reduce((sum, one) => sum + one, 0)
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
