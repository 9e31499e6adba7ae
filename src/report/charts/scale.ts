import { formatNumber } from '../format.js'

/** Round axis positions from `low` to `high`, about `count` steps of 1, 2 or 5 times a power of ten apart. */
export function niceTicks(low: number, high: number, count: number): number[] {
  // Nothing here is measured as finely as 1e-12; below that all values count as equal.
  const span = high - low > 1e-12 ? high - low : Math.max(Math.abs(high), 1)
  const power = 10 ** Math.floor(Math.log10(span / count))
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= span / count) ?? 10)
  const first = Math.floor(low / step + 1e-9)
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9))
  // Multiplied, not added up, and rounded: 3 x 0.1 would print as 0.30000000000000004.
  return Array.from({ length: last - first + 1 }, (_, at) => Number(((first + at) * step).toPrecision(12)))
}

/** A place along an axis as an SVG length, so that a chart takes any width without scaling its text. */
export function percentOf(part: number, whole: number): string {
  return `${whole === 0 ? 0 : Number(((100 * part) / whole).toFixed(3))}%`
}

/** Writes the ticks of one axis with equally many digits after the point: `9.0` beside `9.5`. */
export function sameDigits(ticks: readonly number[]): (tick: number) => string {
  const digits = ticks.reduce((most, tick) => Math.max(most, String(tick).split('.')[1]?.length ?? 0), 0)
  return (tick) => formatNumber(tick, digits)
}
