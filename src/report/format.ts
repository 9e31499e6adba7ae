const missing = '–'
// Keeps a number and its unit on one line.
const space = '\u00a0'

/** 12083 as `12,083`. */
export function formatCount(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** A count for pictures, in at most four characters and a letter: `842`, `12.1k`, `3.4M`. */
export function formatShort(value: number): string {
  for (const [size, letter] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (value >= size) return `${(value / size).toFixed(value / size < 100 ? 1 : 0).replace(/\.0$/, '')}${letter}`
  }
  return formatCount(value)
}

export function formatNumber(value: number | null, digits: number): string {
  return value === null ? missing : value.toFixed(digits).replace(/^-/, '−')
}

/** A small number with two significant digits: `0.000021`. */
export function formatSmall(value: number): string {
  if (value === 0 || Math.abs(value) >= 0.1) return formatNumber(value, value === 0 ? 0 : 2)
  return formatNumber(value, 1 - Math.floor(Math.log10(Math.abs(value))))
}

/** With its sign, so that a loss cannot be read as a gain. */
export function formatSigned(value: number | null, digits: number): string {
  if (value === null) return missing
  const text = formatNumber(value, digits)
  return value > 0 ? `+${text}` : text
}

/** A share in `[0, 1]` as per cent. Never shows `100 %` for less than all. */
export function formatPercent(share: number | null, digits = 0): string {
  if (share === null) return missing
  const text = (share * 100).toFixed(digits)
  return share < 1 && Number(text) === 100 ? `${(100 - 10 ** -digits).toFixed(digits)}${space}%` : `${text}${space}%`
}

export function formatBytes(sizeBytes: number): string {
  if (sizeBytes < 1024) return `${sizeBytes} B`
  if (sizeBytes < 1024 ** 2) return `${(sizeBytes / 1024).toFixed(1)} KiB`
  return `${(sizeBytes / 1024 ** 2).toFixed(1)} MiB`
}

export function formatSeconds(seconds: number): string {
  if (seconds < 0.1) return `${(seconds * 1000).toFixed(0)}${space}ms`
  if (seconds < 100) return `${seconds.toFixed(1)}${space}s`
  const whole = Math.round(seconds)
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  return hours > 0 ? `${hours}${space}h ${minutes}${space}min` : `${minutes}${space}min ${rest}${space}s`
}

/** `1 file`, `2 files`. */
export function formatPlural(count: number, singular: string, plural?: string): string {
  return `${formatCount(count)} ${pluralOf(count, singular, plural)}`
}

/** `file` for 1, else `files`. */
export function pluralOf(count: number, singular: string, plural = `${singular}s`): string {
  return count === 1 ? singular : plural
}

/** A count of a unit that is given as a regular plural noun: `1 repository`, `2 repositories`. */
export function formatUnits(count: number, plural: string): string {
  const singular = plural.endsWith('ies') ? `${plural.slice(0, -3)}y` : plural.replace(/s$/, '')
  return formatPlural(count, singular, plural)
}
