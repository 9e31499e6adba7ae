import { z } from 'zod'
import { blobSpanSchema } from '../core/index.js'
import { contentParameter, defineTool, lineParameter, pathParameter } from './definition.js'
import { countLines } from './lines.js'
import { quotedWhereNeeded } from './quoted-path.js'
import type { Tool } from './tool.js'
import { writtenRange } from './written-range.js'

/**
 * Puts content in the place of bytes `[start, end)`, that is `replacedLines` lines, of the file as it is then.
 * `draft` as for a Write.
 */
const schema = z.strictObject({
  tool: z.literal('Edit'),
  path: z.string(),
  start: z.int().nonnegative(),
  end: z.int().nonnegative(),
  startLine: z.int().positive(),
  replacedLines: z.int().nonnegative(),
  content: blobSpanSchema,
  draft: z.literal(true).optional(),
})

const argumentsSchema = z.strictObject({
  path: z.string(),
  start_line: z.int().positive(),
  replaced_lines: z.int().nonnegative(),
  content: z.string(),
})

/** `Edit src/a.ts after line 120` (an insertion), `Edit src/a.ts lines 10-14` (a replacement). */
export const editTool = {
  definition: defineTool('Edit', 'Puts content in the place of lines of a written file.', {
    path: pathParameter,
    start_line: lineParameter('The first line to replace; content is put before it where no line is replaced.'),
    replaced_lines: { type: 'integer', minimum: 0, description: 'How many lines are replaced; 0 inserts.' },
    content: contentParameter,
  }),
  schema,
  argumentsSchema,
  argumentsOf: ({ path, startLine, replacedLines, content }, _, read) => ({
    path,
    start_line: startLine,
    replaced_lines: replacedLines,
    content: read(content),
  }),
  line({ path, start_line, replaced_lines }) {
    const last = start_line + replaced_lines - 1
    const where = replaced_lines === 0 ? `after line ${last}` : `lines ${start_line}-${last}`
    return `Edit ${quotedWhereNeeded(path)} ${where}\n`
  },
  shows: false,
  counter: 'edits' as const,
  replay(action, _, world) {
    const { file, range } = writtenRange(action, world)
    if (countLines(range) !== action.replacedLines) world.fail(`it does not replace ${action.replacedLines} lines`)
    const content = world.bytesOf(action.content)
    world.write(action.path, Buffer.concat([file.subarray(0, action.start), content, file.subarray(action.end)]))
  },
} satisfies Tool<z.infer<typeof schema>, z.infer<typeof argumentsSchema>>
