// Trajectories to the formats of others and back. Record in: Trajectory, or rows of another's file. Record out: rows
// of OpenAI messages, ATIF documents, or a Conversation that packs like the trajectory that it came of.
//
// | what a file says                                     | what is packed                                             |
// | ---------------------------------------------------- | ---------------------------------------------------------- |
// | `system` (`developer`) before the first action       | turn of `system`, template: not trained                    |
// | `user` before the first action                       | turn of `user`, requirement                                |
// | either of them behind it                             | the same turn, observation: not trained                    |
// | reasoning, and words beside a call                   | thought                                                    |
// | words of an agent without a call                     | action                                                     |
// | a call of Read, Write, Edit, Check as we define them | their line, and the content                                |
// | any other call                                       | `Call NAME`, and below it the arguments as JSON            |
// | what a tool says                                     | turn of `tool`, observation; none where it is the empty    |
// |                                                      | answer to a Write or an Edit                               |
// | `weight: 0`, `is_copied_context`                     | the turn, and no token of it trained                       |
// | an embedded trajectory                               | a conversation of its own; where we wrote it, its steps in |
// |                                                      | the place of the delegation                                |
// | definitions of tools, metrics, unknown keys          | nothing                                                    |
//
// One more format is one more function in `to/` and one more form in `from/conversations-of-row.ts`.
export { InterchangeError, interchangeErrors, type RejectReason } from './errors.js'
export { openaiRow, type OpenAIMessage, type OpenAIRow } from './to/openai-row.js'
export { openParquetRows, type RowWriter } from './to/parquet-rows.js'
export { atifTrajectory, type ExportSource } from './to/atif-trajectory.js'
export { readRows, rowFileEndings, type Row } from './from/read-rows.js'
export { conversationsOfRow, type Outcome } from './from/conversations-of-row.js'
