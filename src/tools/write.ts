import { z } from 'zod'
import { blobSpanSchema } from '../core/index.js'
import { contentParameter, defineTool, pathParameter } from './definition.js'
import { quotedWhereNeeded } from './quoted-path.js'
import type { Tool } from './tool.js'

/** Makes a file with this content. `draft`: a first version that is wrong, kept as a blob of its own, never trained. */
const schema = z.strictObject({
  tool: z.literal('Write'),
  path: z.string(),
  content: blobSpanSchema,
  draft: z.literal(true).optional(),
})

const argumentsSchema = z.strictObject({ path: z.string(), content: z.string() })

/** `Write src/a.ts`. */
export const writeTool = {
  definition: defineTool('Write', 'Makes a new file with this content.', {
    path: pathParameter,
    content: contentParameter,
  }),
  schema,
  argumentsSchema,
  argumentsOf: ({ path, content }, _, read) => ({ path, content: read(content) }),
  line: ({ path }) => `Write ${quotedWhereNeeded(path)}\n`,
  shows: false,
  counter: 'writes' as const,
  replay({ path, content }, _, world) {
    if (world.get(path) !== undefined) world.fail(`${path} is there already`)
    world.write(path, world.bytesOf(content).slice())
  },
} satisfies Tool<z.infer<typeof schema>, z.infer<typeof argumentsSchema>>
