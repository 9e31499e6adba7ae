import { z } from 'zod'

/** An OpenAI-style function definition. */
export const toolDefinitionSchema = z.strictObject({
  type: z.literal('function'),
  function: z.strictObject({
    name: z.string(),
    description: z.string(),
    parameters: z.record(z.string(), z.unknown()),
  }),
})
export type ToolDefinition = z.infer<typeof toolDefinitionSchema>

/** A definition whose parameters are all required. */
export function defineTool(name: string, description: string, properties: Record<string, unknown>): ToolDefinition {
  const parameters = { type: 'object', properties, required: Object.keys(properties), additionalProperties: false }
  return { type: 'function', function: { name, description, parameters } }
}

export const pathParameter = {
  type: 'string',
  description: 'Path of the file, relative to the root of the repository.',
}

export const contentParameter = { type: 'string', description: 'The text to write.' }

/** Lines are 1-based. */
export function lineParameter(description: string): unknown {
  return { type: 'integer', minimum: 1, description }
}
