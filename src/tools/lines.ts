/** The 1-based number of the line in which byte `at` stands. */
export function lineNumber(bytes: Uint8Array, at: number): number {
  let line = 1
  for (let i = 0; i < at; i++) if (bytes[i] === 0x0a) line++
  return line
}

/** How many lines these bytes are; a last line without its line end counts. */
export function countLines(bytes: Uint8Array): number {
  if (bytes.length === 0) return 0
  return lineNumber(bytes, bytes.length) - (bytes.at(-1) === 0x0a ? 1 : 0)
}
