const entities: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  '#64': '@',
}

/** Replaces the HTML entities that documentation uses by their characters. */
export const withoutEntities = (text: string): string =>
  text.replace(/&(lt|gt|amp|quot|apos|nbsp|#64);/g, (_whole, name: string) => entities[name] ?? '')
