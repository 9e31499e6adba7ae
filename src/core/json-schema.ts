import { z, type ZodType } from 'zod'

/** The parts of a JSON schema that are read here. */
export interface JsonSchema {
  properties?: Record<string, JsonSchema>
  additionalProperties?: boolean | JsonSchema
  items?: JsonSchema
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  const?: unknown
  enum?: unknown[]
  type?: string
  default?: unknown
  [key: string]: unknown
}

/**
 * The JSON schema of a config file, with the description, unit and default of every key. A default that depends on the
 * machine is left out; its `defaultText` describes it.
 */
export function jsonSchemaOf(schema: ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-7',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      if ('defaultText' in jsonSchema) delete jsonSchema.default
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
    },
  }) as JsonSchema
}

/** The forms that a schema allows: its alternatives, or itself. */
function formsOf(schema: JsonSchema): JsonSchema[] {
  const alternatives = schema.anyOf ?? schema.oneOf
  return alternatives === undefined ? [schema] : alternatives.flatMap(formsOf)
}

/** The forms that a schema allows below a path. */
export function formsAt(schema: JsonSchema, path: readonly PropertyKey[]): JsonSchema[] {
  const [first, ...rest] = path
  if (first === undefined) return formsOf(schema)
  return formsOf(schema).flatMap(({ properties, additionalProperties, items }) => {
    const other = typeof additionalProperties === 'object' ? additionalProperties : undefined
    const inner = typeof first === 'number' ? items : (properties?.[String(first)] ?? other)
    return inner === undefined ? [] : formsAt(inner, rest)
  })
}

/** The paths of all keys, each with its dots. */
export function pathsOf(schema: JsonSchema, above = ''): string[] {
  return formsOf(schema).flatMap(({ properties = {} }) =>
    Object.entries(properties).flatMap(([key, inner]) => [above + key, ...pathsOf(inner, `${above}${key}.`)]),
  )
}
