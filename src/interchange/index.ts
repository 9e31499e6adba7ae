// Trajectories to the formats of other programs and back. Record in: Trajectory, or rows of a file. Record out: rows
// of OpenAI messages, ATIF documents, or a Conversation that packs like the trajectory that it was exported from.
//
// | in the file                                          | what is packed                                             |
// | ---------------------------------------------------- | ---------------------------------------------------------- |
// | `system` (`developer`) before the first action       | turn of `system`, template: not trained                    |
// | `user` before the first action                       | turn of `user`, requirement                                |
// | `system`, `user` after the first action              | the same turn, observation: not trained                    |
// | reasoning, and text beside a call                    | thought                                                    |
// | text of an agent without a call                      | action                                                     |
// | a call of one of our tools as we define it           | its line, and the content                                  |
// | any other call                                       | `Call NAME`, and below it the arguments as JSON            |
// | the answer of a tool                                 | turn of `tool`, observation; none where it is the empty    |
// |                                                      | answer to a tool of ours that shows nothing                |
// | `weight: 0`, `is_copied_context`                     | the turn, and no token of it trained                       |
// | an embedded trajectory                               | a conversation of its own; in our exports, its steps in    |
// |                                                      | the place of the delegation                                |
// | definitions of tools, metrics, unknown keys          | nothing                                                    |
//
// To add a format: one function in `to/`, and one form in `from/conversations-of-row.ts`.
export { InterchangeError, interchangeErrors } from './errors.js'
export { openaiRow, type OpenAIRow } from './to/openai-row.js'
export { openParquetRows } from './to/parquet-rows.js'
export { atifTrajectory, type ExportSource } from './to/atif-trajectory.js'
export { readRows, rowFileEndings } from './from/read-rows.js'
export type { Row } from './from/row.js'
export { conversationsOfRow, type Outcome } from './from/conversations-of-row.js'
