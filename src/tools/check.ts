import { z } from 'zod'
import { defineTool, pathParameter } from './definition.js'
import { quotedWhereNeeded } from './quoted-path.js'
import type { Tool } from './tool.js'

/** Looks for what is wrong with a written file, by reading alone: syntax, imports, names, number of arguments. */
const schema = z.strictObject({ tool: z.literal('Check'), path: z.string() })

const argumentsSchema = z.strictObject({ path: z.string() })

/** `Check src/a.ts`. What a Check says depends on the files alone, so a replay can compare it. */
export const checkTool = {
  definition: defineTool(
    'Check',
    'Looks for syntax errors, imports and names that lead nowhere, and wrong numbers of arguments.',
    { path: pathParameter },
  ),
  schema,
  argumentsSchema,
  argumentsOf: ({ path }) => ({ path }),
  line: ({ path }) => `Check ${quotedWhereNeeded(path)}\n`,
  shows: true,
  counter: 'checks' as const,
  async replay({ path }, observation, world) {
    if (world.get(path) === undefined) world.fail(`${path} is not written yet`)
    if (observation === null) return world.fail('a Check shows nothing')
    const output = await world.check(path)
    if (Buffer.compare(world.bytesOf(observation), Buffer.from(output)) !== 0) {
      world.fail(`a check of ${path} says something else now`)
    }
  },
} satisfies Tool<z.infer<typeof schema>, z.infer<typeof argumentsSchema>>
