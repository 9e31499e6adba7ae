import { html, type Html } from '../html.js'
import { niceTicks, percentOf, sameDigits } from './scale.js'

interface HistogramOptions {
  summary: (bins: readonly Bin[]) => string
  axisName: string
  /** A value marked by a line, with its name. */
  marked: { value: number; text: string } | null
}

/** Values in `[from, to)`; the last bin holds its end too. */
interface Bin {
  from: number
  to: number
  count: number
}

const top = 40
const height = 156

/** Round, equally wide bins over all values, about `count` of them. */
export function binValues(values: readonly number[], count: number): Bin[] {
  if (values.length === 0) return []
  const [low, high] = values.reduce(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
    [Infinity, -Infinity],
  )
  const edges = niceTicks(low, high, count)
  const bins = edges.slice(1).map((to, at) => ({ from: edges[at] as number, to, count: 0 }))
  for (const value of values) {
    const bin = (bins.find(({ to }) => value < to) ?? bins.at(-1)) as Bin
    bin.count += 1
  }
  return bins
}

/** The distribution of values: a bar for each bin, its count above, values below zero in the second colour. */
export function histogram(values: readonly number[], { summary, axisName, marked }: HistogramOptions): Html {
  const bins = binValues(values, 12)
  const [start, end] = [bins[0]?.from ?? 0, bins.at(-1)?.to ?? 1]
  const most = bins.reduce((highest, { count }) => Math.max(highest, count), 1)
  const xOf = (value: number): string => percentOf(value - start, end - start)
  const edges = [...bins.map(({ from }) => from), end]
  const text = sameDigits(edges)
  const every = Math.ceil(edges.length / 7)
  return html`<div class="plot wide" role="img" aria-label="${summary(bins)}">
    <svg class="columns" height="${top + height + 44}">
      ${bins.map((bin) => drawBin(bin, most, start, end))}
      <line class="base" x1="0" x2="100%" y1="${top + height}" y2="${top + height}" />
      ${marked === null ? null : html`<line class="reference" x1="${xOf(marked.value)}" x2="${xOf(marked.value)}" y1="18" y2="${top + height}" /><text class="marked" x="${xOf(marked.value)}" y="12" text-anchor="${anchorAt((marked.value - start) / (end - start))}">${marked.text}</text>`}
      ${edges.filter((_, at) => at % every === 0).map((edge) => html`<text class="category" x="${xOf(edge)}" y="${top + height + 18}">${text(edge)}</text>`)}
      <text class="axis-title" x="100%" y="${top + height + 38}">${axisName}</text>
    </svg>
  </div>`
}

function drawBin({ from, to, count }: Bin, most: number, start: number, end: number): Html {
  if (count === 0) return html``
  const barHeight = Math.max(1, Math.round((count / most) * (height - 16)))
  const gap = (to - from) * 0.06
  const y = top + height - barHeight
  return html`<rect
      class="tone-${to <= 0 ? 'accent' : 'main'}"
      x="${percentOf(from + gap - start, end - start)}"
      width="${percentOf(to - from - 2 * gap, end - start)}"
      y="${y}"
      height="${barHeight}"
      ><title>${from} to ${to}: ${count}</title></rect
    ><text class="count" x="${percentOf((from + to) / 2 - start, end - start)}" y="${y - 5}">${count}</text>`
}

function anchorAt(share: number): string {
  return share < 0.15 ? 'start' : share > 0.85 ? 'end' : 'middle'
}
