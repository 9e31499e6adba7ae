import { html, type Html } from '../html.js'
import { niceTicks, percentOf, sameDigits } from './scale.js'

export interface Column {
  /** One or two short lines below the axis. */
  label: readonly [string, string]
  /** `null` leaves the place empty. */
  value: number | null
  text: string
  mark: 'bar' | 'dot' | 'ring'
}

interface ColumnPlotOptions {
  summary: string
  axisName: string
  /** Whether the axis starts at zero; bars need it. */
  fromZero: boolean
  /** A level drawn across the plot, such as a baseline. */
  reference?: number | null
}

// Pixels: room for the value above the highest mark, the plot, and two lines of labels.
const top = 26
const height = 170
const labelRoom = 44

/** Values over a few named conditions: bars, or dots joined by a line where neighbours follow each other. */
export function columnPlot(columns: readonly Column[], options: ColumnPlotOptions): Html {
  const values = columns.flatMap(({ value }) => (value === null ? [] : [value]))
  const ticks = ticksFor(values, options.fromZero)
  const [low, high] = [ticks[0] as number, ticks.at(-1) as number]
  const write = sameDigits(ticks)
  const yOf = (value: number): number => Math.round((top + (1 - (value - low) / (high - low)) * height) * 10) / 10
  const xOf = (at: number): string => percentOf(at + 0.5, columns.length)
  return html`<div class="plot" role="img" aria-label="${options.summary}">
    <p class="axis-name">${options.axisName}</p>
    <svg class="columns" height="${top + height + labelRoom}">
      ${ticks.map((tick) => html`<line class="grid" x1="0" x2="100%" y1="${yOf(tick)}" y2="${yOf(tick)}" /><text class="tick" x="-8" y="${yOf(tick) + 4}">${write(tick)}</text>`)}
      ${typeof options.reference === 'number' ? html`<line class="reference" x1="0" x2="100%" y1="${yOf(options.reference)}" y2="${yOf(options.reference)}" />` : null}
      ${columns.map((column, at) => joinTo(columns[at - 1], column, at, xOf, yOf))}
      ${columns.map((column, at) => drawMark(column, at, columns.length, xOf, yOf))}
      ${columns.map(({ label }, at) => html`<text class="category" y="${top + height + 18}"><tspan x="${xOf(at)}">${label[0]}</tspan><tspan x="${xOf(at)}" dy="15">${label[1]}</tspan></text>`)}
    </svg>
  </div>`
}

function ticksFor(values: readonly number[], fromZero: boolean): number[] {
  if (values.length === 0) return [0, 1]
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const margin = (high - low) * 0.15
  return fromZero ? niceTicks(0, high, 4) : niceTicks(Math.max(0, low - margin), high + margin, 4)
}

function joinTo(
  before: Column | undefined,
  column: Column,
  at: number,
  xOf: (at: number) => string,
  yOf: (value: number) => number,
): Html {
  const areDots = before?.mark === 'dot' && column.mark === 'dot'
  if (!areDots || before.value === null || column.value === null) return html``
  return html`<line
    class="line"
    x1="${xOf(at - 1)}"
    x2="${xOf(at)}"
    y1="${yOf(before.value)}"
    y2="${yOf(column.value)}"
  />`
}

function drawMark(
  { value, text, mark, label }: Column,
  at: number,
  count: number,
  xOf: (at: number) => string,
  yOf: (value: number) => number,
): Html {
  if (value === null) return html``
  const y = yOf(value)
  const title = html`<title>${label.join(' ').trim()}: ${text}</title>`
  const shapes = {
    dot: () => html`<circle class="dot" cx="${xOf(at)}" cy="${y}" r="5">${title}</circle>`,
    ring: () => html`<circle class="ring" cx="${xOf(at)}" cy="${y}" r="5">${title}</circle>`,
    bar: () =>
      html`<rect
        class="tone-main"
        x="${percentOf(at + 0.22, count)}"
        width="${percentOf(0.56, count)}"
        y="${y}"
        height="${top + height - y}"
        >${title}</rect
      >`,
  }
  return html`${shapes[mark]()}<text class="value" x="${xOf(at)}" y="${y - (mark === 'bar' ? 7 : 12)}">${text}</text>`
}
