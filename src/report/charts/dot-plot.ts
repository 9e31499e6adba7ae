import { html, type Html } from '../html.js'
import { niceTicks, percentOf, sameDigits } from './scale.js'

/** Repeated measurements of the same quantity: each a dot, their mean a ring, the interval of the mean a line. */
export interface DotRow {
  label: string
  dots: readonly { value: number; name: string }[]
  mean: number
  /** `null` for a single measurement, which has no spread. */
  interval: readonly [number, number] | null
  /** Written at the end of the row. */
  value: string
  note?: string
}

interface DotPlotOptions {
  summary: string
  axisName: string
  /** A level drawn through all rows; left out where it is so far off that the dots would fall together. */
  reference: number
}

/** Rows of dots over one axis. It need not begin at zero, since only their positions to each other matter. */
export function dotPlot(rows: readonly DotRow[], { summary, axisName, reference }: DotPlotOptions): Html {
  const values = rows.flatMap(({ dots, mean, interval }) => [
    ...dots.map(({ value }) => value),
    mean,
    ...(interval ?? []),
  ])
  const isNear = isReferenceShown(values, reference)
  const shown = isNear ? [...values, reference] : values
  const ticks = niceTicks(Math.min(...shown), Math.max(...shown), 5)
  const [low, high] = [ticks[0] as number, ticks.at(-1) as number]
  const write = sameDigits(ticks)
  const xOf = (value: number): string => percentOf(value - low, high - low)
  const grid = html`${ticks.map((tick) => html`<line class="grid" x1="${xOf(tick)}" x2="${xOf(tick)}" y1="-8" y2="28" />`)}${
    isNear ? html`<line class="reference" x1="${xOf(reference)}" x2="${xOf(reference)}" y1="-8" y2="28" />` : null
  }`
  return html`<div class="bars" role="img" aria-label="${summary}">
    ${rows.map((row) => drawRow(row, grid, xOf))}
    <div class="bar-row axis" aria-hidden="true">
      <span></span>
      <svg class="bar-axis">
        ${ticks.map((tick) => html`<text x="${xOf(tick)}" y="12" text-anchor="${tick === low ? 'start' : tick === high ? 'end' : 'middle'}">${write(tick)}</text>`)}
      </svg>
      <span class="axis-name">${axisName}</span>
    </div>
  </div>`
}

/** Whether the reference lies within twice the values' own span of them. */
export function isReferenceShown(values: readonly number[], reference: number): boolean {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const reach = 2 * (high - low)
  return reference >= low - reach && reference <= high + reach
}

function drawRow(
  { label, dots, mean, interval, value, note }: DotRow,
  grid: Html,
  xOf: (value: number) => string,
): Html {
  return html`<div class="bar-row" title="${label}">
    <span class="bar-label">${label}</span>
    <svg class="bar">
      ${grid}${interval === null ? null : html`<line class="line" x1="${xOf(interval[0])}" x2="${xOf(interval[1])}" y1="10" y2="10" />`}
      <circle class="ring" cx="${xOf(mean)}" cy="10" r="6.5"><title>${label}, mean: ${value}</title></circle>
      ${dots.map((dot) => html`<circle class="dot" cx="${xOf(dot.value)}" cy="10" r="4.5"><title>${dot.name}</title></circle>`)}
    </svg>
    <span class="bar-value">${value}${note === undefined ? null : html`<small>${note}</small>`}</span>
  </div>`
}
