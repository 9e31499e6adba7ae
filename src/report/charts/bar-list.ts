import { html, type Html } from '../html.js'
import { niceTicks, percentOf } from './scale.js'

export type Tone = 'main' | 'soft' | 'accent' | 'quiet' | 'empty'

export interface Bar {
  label: string
  /** Stacked from the left, in the axis' unit. */
  parts: readonly { value: number; tone: Tone; name: string }[]
  /** Written at the end of the bar. */
  value: string
  /** A second line below the value. */
  note?: string
  /** Whether it is drawn closer to the bar before it, as a group. */
  joined?: boolean
}

interface BarListOptions {
  /** The picture in one sentence, for screen readers. */
  summary: string
  /** End of the axis where it is fixed; else a round number above the longest bar. */
  end?: number
  axis: { name: string; format: (value: number) => string }
}

/** Horizontal bars over one axis that starts at zero, each with its label and value written beside it. */
export function barList(bars: readonly Bar[], { summary, end, axis }: BarListOptions): Html {
  const longest = bars.reduce((most, bar) => Math.max(most, lengthOf(bar)), 0)
  const ticks = niceTicks(0, end ?? longest, 4)
  const last = end ?? ticks.at(-1) ?? longest
  return html`<div class="bars" role="img" aria-label="${summary}">
    ${bars.map((bar) => drawBar(bar, last, ticks))}
    <div class="bar-row axis" aria-hidden="true">
      <span></span>
      <svg class="bar-axis">
        ${ticks.map((tick) => html`<text x="${percentOf(tick, last)}" y="12" text-anchor="${anchorAt(tick, last)}">${axis.format(tick)}</text>`)}
      </svg>
      <span class="axis-name">${axis.name}</span>
    </div>
  </div>`
}

function drawBar(bar: Bar, last: number, ticks: readonly number[]): Html {
  let start = 0
  const parts = bar.parts.map(({ value, tone, name }) => {
    const x = percentOf(start, last)
    start += value
    return html`<rect class="tone-${tone}" x="${x}" y="3" width="${percentOf(value, last)}" height="14"
      ><title>${name}</title></rect
    >`
  })
  return html`<div class="bar-row${bar.joined === true ? ' joined' : ''}" title="${bar.label}">
    <span class="bar-label">${bar.label}</span>
    <svg class="bar">
      ${ticks.map((tick) => html`<line class="grid" x1="${percentOf(tick, last)}" x2="${percentOf(tick, last)}" y1="-8" y2="20" />`)}${parts}
    </svg>
    <span class="bar-value">${bar.value}${bar.note === undefined ? null : html`<small>${bar.note}</small>`}</span>
  </div>`
}

function lengthOf(bar: Bar): number {
  return bar.parts.reduce((sum, part) => sum + part.value, 0)
}

function anchorAt(tick: number, last: number): string {
  return tick === 0 ? 'start' : tick === last ? 'end' : 'middle'
}

/** The legend of a picture: what its tones mean. */
export function legend(entries: readonly { tone: Tone; name: string }[]): Html {
  return html`<ul class="legend">
    ${entries.map(
      ({ tone, name }) =>
        html`<li>
          <svg class="swatch" aria-hidden="true"><rect class="tone-${tone}" width="100%" height="100%" rx="2" /></svg
          >${name}
        </li>`,
    )}
  </ul>`
}
