import { z } from 'zod'
import { defineTool, lineParameter, pathParameter } from './definition.js'
import { countLines } from './lines.js'
import { quotedWhereNeeded } from './quoted-path.js'
import type { Tool } from './tool.js'
import { writtenRange } from './written-range.js'

/** Shows bytes `[start, end)` of a file that was written before; `startLine` is the 1-based line of `start`. */
const schema = z.strictObject({
  tool: z.literal('Read'),
  path: z.string(),
  start: z.int().nonnegative(),
  end: z.int().nonnegative(),
  startLine: z.int().positive(),
})

/** A Read that shows nothing ends in the line before its first. */
const argumentsSchema = z.strictObject({
  path: z.string(),
  start_line: z.int().positive(),
  end_line: z.int().nonnegative(),
})

/** `Read src/b.ts lines 1-40`. */
export const readTool = {
  definition: defineTool('Read', 'Shows lines of a file that is written already.', {
    path: pathParameter,
    start_line: lineParameter('The first line to show.'),
    end_line: lineParameter('The last line to show.'),
  }),
  schema,
  argumentsSchema,
  argumentsOf({ path, startLine }, observation, read) {
    const lines = observation === null ? 0 : countLines(Buffer.from(read(observation)))
    return { path, start_line: startLine, end_line: startLine + lines - 1 }
  },
  line({ path, start_line, end_line }) {
    const lines = end_line < start_line ? '' : ` lines ${start_line}-${end_line}`
    return `Read ${quotedWhereNeeded(path)}${lines}\n`
  },
  shows: true,
  counter: 'reads' as const,
  replay(action, observation, world) {
    const { range } = writtenRange(action, world)
    if (observation === null) return world.fail('a Read shows nothing')
    if (Buffer.compare(world.bytesOf(observation), range) !== 0) {
      world.fail(`what it shows of ${action.path} is not what is there`)
    }
  },
} satisfies Tool<z.infer<typeof schema>, z.infer<typeof argumentsSchema>>
