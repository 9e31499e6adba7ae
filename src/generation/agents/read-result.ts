/** The value that was read from an answer, or a sentence on what is wrong with the answer. */
export type ReadResult<Value> = { value: Value } | { problem: string }
