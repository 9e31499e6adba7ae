import { barList } from '../charts/bar-list.js'
import { formatCount, formatNumber, formatPercent, formatSeconds, formatUnits } from '../format.js'
import { html, type Html } from '../html.js'
import type { ReportStage } from '../report-input.js'
import { share } from './overview.js'

/** The time of each stage. */
export function timeSection(stages: readonly ReportStage[]): Html {
  if (stages.length === 0) {
    return html`<section id="time">
      <h2>Time by stage</h2>
      <p class="empty">No stage was timed.</p>
    </section>`
  }
  const total = stages.reduce((sum, { seconds }) => sum + seconds, 0)
  const bars = stages.map(({ name, seconds, units, unit }) => ({
    label: name,
    parts: [{ value: seconds, tone: 'main' as const, name: `${name}: ${formatSeconds(seconds)}` }],
    value: formatSeconds(seconds),
    note: `${formatPercent(share(seconds, total))} · ${formatUnits(units, unit)}${rate(units, seconds)}`,
  }))
  const summary = `Time by stage: ${bars.map(({ label, value }) => `${label}, ${value}`).join('; ')}.`
  return html`<section id="time">
    <h2>Time by stage</h2>
    <figure>
      ${barList(bars, { summary, axis: { name: 'seconds', format: (value) => String(value) } })}
      <figcaption>
        Wall time, ${formatSeconds(total)} in all. A stage that an earlier run had finished takes next to none.
      </figcaption>
    </figure>
  </section>`
}

function rate(units: number, seconds: number): string {
  if (units === 0 || seconds === 0) return ''
  const perSecond = units / seconds
  return `, ${perSecond >= 100 ? formatCount(perSecond) : formatNumber(perSecond, perSecond >= 1 ? 1 : 2)}/s`
}
