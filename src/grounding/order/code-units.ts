/** Code-unit order, in which a snapshot lists paths. */
export const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
