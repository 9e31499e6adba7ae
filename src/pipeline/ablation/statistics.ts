import type { PairedDifference } from '../../records/index.js'

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Standard deviation of a sample, divided by n - 1; `null` for fewer than two values. */
export function standardDeviationOf(values: readonly number[]): number | null {
  if (values.length < 2) return null
  const mean = meanOf(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
}

/** Quantile 0.975 of Student's t, by degrees of freedom. */
const tQuantiles = new Map([
  ...[
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
    2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
  ].map((quantile, index): [number, number] => [index + 1, quantile]),
  [40, 2.021],
  [60, 2],
  [120, 1.98],
])

/** Between two rows of the table, the row with fewer degrees of freedom: the interval is too wide rather than too narrow. */
export function tQuantile(degreesOfFreedom: number): number {
  const known = [...tQuantiles.keys()].filter((degrees) => degrees <= degreesOfFreedom)
  return tQuantiles.get(Math.max(...known)) as number
}

/** The mean of `values[i] - reference[i]`, with a 95 % interval by Student's t. */
export function pairedDifference(values: readonly number[], reference: readonly number[]): PairedDifference {
  const differences = values.map((value, index) => value - (reference[index] as number))
  const pairs = differences.length
  const mean = meanOf(differences)
  const deviation = standardDeviationOf(differences)
  if (deviation === null) return { pairs, mean, standardError: null, interval: null, isDistinguishable: false }
  const standardError = deviation / Math.sqrt(pairs)
  const reach = tQuantile(pairs - 1) * standardError
  const interval: [number, number] = [mean - reach, mean + reach]
  return { pairs, mean, standardError, interval, isDistinguishable: interval[0] > 0 || interval[1] < 0 }
}
