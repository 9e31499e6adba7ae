import type { ToolDefinition } from './trajectory.js'

const path = { type: 'string', description: 'Path of the file, relative to the root of the repository.' }
const content = { type: 'string', description: 'The text to write.' }

function define(name: string, description: string, properties: Record<string, unknown>): ToolDefinition {
  const parameters = { type: 'object', properties, required: Object.keys(properties), additionalProperties: false }
  return { type: 'function', function: { name, description, parameters } }
}

const lineNumber = (description: string): unknown => ({ type: 'integer', minimum: 1, description })

/** What a file agent can do, as it is told to it and as exports carry it. Lines are 1-based. */
export const toolDefinitions: readonly ToolDefinition[] = [
  define('Read', 'Shows lines of a file that is written already.', {
    path,
    start_line: lineNumber('The first line to show.'),
    end_line: lineNumber('The last line to show.'),
  }),
  define('Write', 'Makes a new file with this content.', { path, content }),
  define('Edit', 'Puts content in the place of lines of a written file.', {
    path,
    start_line: lineNumber('The first line to replace; content is put before it where no line is replaced.'),
    replaced_lines: { type: 'integer', minimum: 0, description: 'How many lines are replaced; 0 inserts.' },
    content,
  }),
  define('Check', 'Looks for syntax errors, imports and names that lead nowhere, and wrong numbers of arguments.', {
    path,
  }),
]
