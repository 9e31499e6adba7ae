/** One change that makes a file wrong: `text` in place of the UTF-16 units `[start, end)` of the file's text. */
export interface Change {
  start: number
  end: number
  text: string
  /** One line for a person: what was changed. */
  detail: string
}
