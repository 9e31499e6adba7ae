/** What can be put wrong in a file. */
export const faultKinds = [
  'wrong-import',
  'missing-import',
  'renamed-symbol',
  'missing-argument',
  'swapped-arguments',
  'missing-branch',
  'off-by-one',
  'dropped-await',
  'unclosed-block',
] as const
export type FaultKind = (typeof faultKinds)[number]

/** One change of a file that makes it wrong: `text` in the place of bytes `[start, end)`. */
export interface Fault {
  kind: FaultKind
  start: number
  end: number
  text: string
  /** One line for a person: what was changed. */
  detail: string
}

/** The same before its place is told in bytes: UTF-16 indices of the file's text. */
export type Change = Omit<Fault, 'kind'>
