/** A file of an input, before its content is read. */
export interface CandidateFile {
  /** Relative to the root, `/` between parts. */
  path: string
  sizeBytes: number
  /** Gives at most `bound` bytes and one more, so that a longer file shows; or the reason why it cannot be read. */
  read(bound: number): Uint8Array | { unreadable: string }
}
