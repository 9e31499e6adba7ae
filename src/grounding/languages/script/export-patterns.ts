/** The entry that matches a specifier: an exact key, else the pattern with the longest part before its `*`. */
export function bestPattern<T>(
  entries: readonly (readonly [string, T])[],
  specifier: string,
): { pattern: string; value: T; star: string } | null {
  let best: { pattern: string; value: T; star: string } | null = null
  for (const [pattern, value] of entries) {
    const at = pattern.indexOf('*')
    if (at < 0) {
      if (pattern === specifier) return { pattern, value, star: '' }
      continue
    }
    const [head, tail] = [pattern.slice(0, at), pattern.slice(at + 1)]
    const fits = specifier.length >= head.length + tail.length && specifier.startsWith(head) && specifier.endsWith(tail)
    if (!fits || (best !== null && best.pattern.indexOf('*') >= at)) continue
    best = { pattern, value, star: specifier.slice(head.length, specifier.length - tail.length) }
  }
  return best
}

/** The entries of a package's `exports` by subpath, whichever of its forms it has. */
export function exportEntries(exported: unknown): [string, unknown][] {
  if (exported === undefined || exported === null) return []
  if (typeof exported === 'string' || Array.isArray(exported)) return [['.', exported]]
  const entries = Object.entries(exported)
  return entries.some(([key]) => key.startsWith('.')) ? entries : [['.', exported]]
}

/** Bound on conditions within conditions; people write two or three. */
const maxConditions = 16

/** Every path below an `exports` or `imports` entry, in order, whatever its condition. */
export function pathsIn(value: unknown, depth = 0): string[] {
  if (typeof value === 'string') return [value]
  if (value === null || typeof value !== 'object' || depth > maxConditions) return []
  return Object.values(value).flatMap((inner) => pathsIn(inner, depth + 1))
}
