// What a file agent can do: Read, Write, Edit, Check. A tool is one file that says how it is defined for a model, how
// an action is recorded and called, how its line reads, whether it shows something, and how it is replayed.
// To add a tool: one file like read.ts, and its name in the list of table.ts. Below records: the schema of a trajectory
// is made of the tools' schemas.
export { actionSchema, noActions, parseToolCall, toolCallOf, toolDefinitions, toolOf } from './table.js'
export type { Action, ToolCall, ToolCounter } from './table.js'
export { toolDefinitionSchema, type ToolDefinition } from './definition.js'
export { countLines, lineNumber } from './lines.js'
export { quotedWhereNeeded } from './quoted-path.js'
export type { ReplayWorld } from './tool.js'
