import type { Candidate, SearchRow } from '../../records/index.js'
import { barList } from '../charts/bar-list.js'
import { columnPlot, type Column } from '../charts/column-plot.js'
import { histogram } from '../charts/histogram.js'
import { formatCount, formatNumber, formatPercent, formatPlural, formatSigned, formatSmall } from '../format.js'
import { html, type Html } from '../html.js'
import { keptGains, type CurvePoint, type SearchSummary } from '../search-summary.js'

/** The decisions of the gates, in a few words. */
const decisionWords: Partial<Record<Candidate['decision'], string>> = {
  gain: 'accepted',
  'no-gain': 'no gain above the noise',
  outdone: 'outdone in its round',
  leak: 'leaks the code',
  'too-long': 'past the length cap',
}

/** How the search changed the thoughts, and how that changed the likelihood of the code. */
export function searchSection(rows: readonly SearchRow[], summary: SearchSummary, leastGain: number): Html {
  if (summary.curve.length === 0) {
    const why =
      summary.rows === 0
        ? 'The run has no search rows.'
        : `All ${formatPlural(summary.rows, 'thought')} were too long to score.`
    return html`<section id="search">
      <h2>Thoughts and the code they lead to</h2>
      <p class="empty">Nothing was searched. ${why}</p>
    </section>`
  }
  const held = summary.curve.filter(({ condition }) => condition === 'first' || condition === 'round')
  return html`<section id="search">
    <h2>Thoughts and the code they lead to</h2>
    <p class="lead">${headline(summary)}</p>
    <div class="figures">
      <figure>
        <h3>Perplexity of the code</h3>
        ${perplexityPlot(summary.curve)}
        <figcaption>
          exp(−mean log-probability per token), averaged over ${formatPlural(summary.searched, 'thought')} so that each
          counts the same. Lower is better; the axis does not start at zero. Dashed: no thought. Ring: the control,
          another file's thought.${coverageNotes(summary)}
        </figcaption>
      </figure>
      <figure>
        <h3>Length of the thought kept</h3>
        ${lengthPlot(held)}
        <figcaption>Mean tokens per thought, as first written and as kept after each round.</figcaption>
      </figure>
    </div>
    <div class="figures">
      <figure>
        <h3>What became of the rewrites</h3>
        ${decisionBars(summary)}
        <figcaption>
          Of each round's rewrites, the best is accepted if it raises the mean log-probability of the code by more than
          ${formatSmall(leastGain)} nats per token, does not leak the code and does not grow past its cap.
        </figcaption>
      </figure>
      <figure>
        <h3>What the kept thoughts gain</h3>
        ${gainHistogram(rows, summary)}
        <figcaption>
          Mean log-probability of the code with the kept thought, less that without one. Above each bar: thoughts.
        </figcaption>
      </figure>
    </div>
    <details>
      <summary>The figures of the curve</summary>
      ${curveTable(summary.curve)}
      <p class="note">
        “By thought” gives each thought the same weight, “by token” each token of code: exp(−Σ log-probability / Σ
        tokens). “No thought, same code” is what to compare a line with: the code of the same thoughts with none before
        it, by thought.
      </p>
    </details>
  </section>`
}

function headline(summary: SearchSummary): string {
  const { other, first, kept } = summary.meanGain
  const parts = [
    `Search improved ${formatCount(summary.improved)} of ${formatPlural(summary.searched, 'thought')} (${formatPercent(summary.improvedShare)}).`,
    `Against no thought, the kept one makes the code likelier by ${formatSigned(kept, 3)} nats per token on average (median ${formatSigned(summary.medianGain, 3)});`,
    `the first thought by ${formatSigned(first, 3)}, another file's thought by ${formatSigned(other, 3)}.`,
  ]
  if (summary.firstStopped > 0)
    parts.push(
      `${formatPlural(summary.firstStopped, 'first thought')} leaked code or ran too long; their search began without a thought.`,
    )
  if (summary.tooLong > 0)
    parts.push(`${formatPlural(summary.tooLong, 'thought')} did not fit the scorer's context and stayed as written.`)
  return parts.join(' ')
}

/** Notes on points over fewer thoughts than the others, which can be compared only with their own baseline. */
function coverageNotes({ curve, searched }: SearchSummary): string {
  const names = { none: 'The baseline', other: 'The control', first: 'The first thought', round: 'The kept thought' }
  return curve
    .filter(({ thoughts, condition }) => thoughts < searched && condition !== 'round')
    .map(
      (point) =>
        ` ${names[point.condition]} is scored for ${formatCount(point.thoughts)} of them, whose code has ${formatNumber(point.baselinePerplexity, 2)} without a thought.`,
    )
    .join('')
}

function perplexityPlot(curve: readonly CurvePoint[]): Html {
  const columns = curve.map((point): Column => ({
    label: labelOf(point),
    value: point.perplexity,
    text: formatNumber(point.perplexity, 2),
    mark: point.condition === 'other' ? 'ring' : 'dot',
  }))
  return columnPlot(columns, {
    summary: `Perplexity of the code: ${inWords(columns)}.`,
    axisName: 'perplexity',
    fromZero: false,
    reference: curve.find(({ condition }) => condition === 'none')?.perplexity ?? null,
  })
}

function lengthPlot(points: readonly CurvePoint[]): Html {
  const columns = points.map((point): Column => ({
    label: labelOf(point),
    value: point.meanThoughtTokens,
    text: formatNumber(point.meanThoughtTokens, 1),
    mark: 'bar',
  }))
  return columnPlot(columns, {
    summary: `Mean length of the thought kept, in tokens: ${inWords(columns)}.`,
    axisName: 'tokens per thought',
    fromZero: true,
  })
}

function labelOf({ condition, round }: CurvePoint): [string, string] {
  if (condition === 'none') return ['no', 'thought']
  if (condition === 'other') return ['another', 'file’s']
  return condition === 'first' ? ['first', 'thought'] : ['after', `round ${round}`]
}

function inWords(columns: readonly Column[]): string {
  return columns.map(({ label, text }) => `${label.join(' ')} ${text}`).join(', ')
}

function decisionBars({ decisions }: SearchSummary): Html {
  if (decisions.length === 0) return html`<p class="empty">No rewrites were proposed.</p>`
  const total = decisions.reduce((sum, { count }) => sum + count, 0)
  const bars = decisions.map(({ decision, count }) => ({
    label: decisionWords[decision] ?? decision,
    parts: [{ value: count, tone: decision === 'gain' ? ('main' as const) : ('quiet' as const), name: decision }],
    value: formatCount(count),
    note: formatPercent(count / total),
  }))
  const summary = `Rewrites by decision: ${bars.map(({ label, value }) => `${label}, ${value}`).join('; ')}.`
  return barList(bars, { summary, axis: { name: 'rewrites', format: formatCount } })
}

function gainHistogram(rows: readonly SearchRow[], { medianGain }: SearchSummary): Html {
  return histogram(keptGains(rows), {
    summary: (bins) =>
      `Gains of the kept thoughts in nats per token: ${bins.map(({ from, to, count }) => `${from} to ${to}, ${count}`).join('; ')}.`,
    axisName: 'nats per token',
    marked: medianGain === null ? null : { value: medianGain, text: `median ${formatSigned(medianGain, 3)}` },
  })
}

function curveTable(curve: readonly CurvePoint[]): Html {
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th rowspan="2">Code scored with</th>
          <th colspan="3" class="number">Perplexity</th>
          <th rowspan="2" class="number">Mean log-prob.<br /><small>nats/token</small></th>
          <th rowspan="2" class="number">Thought<br /><small>tokens</small></th>
          <th rowspan="2" class="number">Thoughts</th>
        </tr>
        <tr>
          <th class="number">by thought</th>
          <th class="number">by token</th>
          <th class="number">no thought, same code</th>
        </tr>
      </thead>
      <tbody>
        ${curve.map(
          (point) =>
            html`<tr>
              <td>${nameOf(point)}</td>
              <td class="number">${formatNumber(point.perplexity, 3)}</td>
              <td class="number">${formatNumber(point.tokenPerplexity, 3)}</td>
              <td class="number">${formatNumber(point.baselinePerplexity, 3)}</td>
              <td class="number">${formatNumber(point.meanLogProb, 4)}</td>
              <td class="number">${formatNumber(point.meanThoughtTokens, 1)}</td>
              <td class="number">${formatCount(point.thoughts)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

function nameOf({ condition, round }: CurvePoint): string {
  if (condition === 'none') return 'no thought'
  if (condition === 'other') return 'another file’s thought (control)'
  return condition === 'first' ? 'first thought' : `kept after round ${round}`
}
