/** What was read off an answer, or in words what was wrong with it. */
export type ReadResult<Value> = { value: Value } | { problem: string }
