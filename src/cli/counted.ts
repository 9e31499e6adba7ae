/** A number with its noun, which is given in the plural: `1 repository`, `2 repositories`. */
export function counted(count: number, plural: string): string {
  return `${count} ${count === 1 ? singularOf(plural) : plural}`
}

/** Of a plural in `s`; no other is in use here. */
function singularOf(plural: string): string {
  if (plural.endsWith('ies')) return `${plural.slice(0, -3)}y`
  if (/(s|x|ch|sh)es$/.test(plural)) return plural.slice(0, -2)
  return plural.replace(/s$/, '')
}
