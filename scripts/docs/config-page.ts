import type { JsonSchema as CoreSchema } from '../../src/core/index.js'

/** The parts of a JSON schema that this page reads. */
interface JsonSchema extends CoreSchema {
  properties?: Record<string, JsonSchema>
  items?: JsonSchema
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  required?: string[]
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  description?: string
  unit?: string
  defaultText?: string
}

interface Row {
  key: string
  type: string
  fallback: string
  description: string
}

const intro = `A config is a JSON file. Every key has a default but those marked *needed*; an unknown key is an error that names the nearest known one.
An editor completes and checks a config that begins with \`"$schema": "node_modules/retrace-cpt/docs/config.schema.json"\`.

This page is generated from the schemas (\`node scripts/docs.mjs\`).`

/** The page of every config key: of \`retrace run\`, and of \`retrace train\`. */
export function configPage(run: CoreSchema, trainingSchema: CoreSchema): string {
  const training: JsonSchema = trainingSchema
  const rooms = keysOf(run).filter(([key]) => key !== '$schema')
  const shared = rooms.filter(([, schema]) => !hasOwnKeys(schema)).flatMap(([key, schema]) => rowsOf(key, schema))
  const sections = rooms.filter(([, schema]) => hasOwnKeys(schema)).map(([key, schema]) => section(key, schema))
  const trainingRows = keysOf(training)
    .filter(([key]) => key !== '$schema')
    .flatMap(([key, schema]) => rowsOf(key, schema, isNeeded(training, key)))
  return [
    '# Config',
    intro,
    '## Shared keys',
    table(shared),
    ...sections,
    '## `training`',
    'The config of `retrace train --config F`; its keys replace those of the preset, one by one.',
    table(trainingRows),
  ].join('\n\n')
}

function section(name: string, schema: JsonSchema): string {
  const parts = [`## \`${name}\``]
  if (schema.description !== undefined) parts.push(schema.description)
  for (const variant of variantsOf(schema)) {
    if (variant.const !== undefined) {
      parts.push(`\`${JSON.stringify(variant.const)}\`: ${variant.description ?? 'leaves the stage out'}`)
      continue
    }
    const kind = variant.properties?.kind?.const
    if (kind !== undefined) parts.push(`### \`${name}.kind\`: \`${JSON.stringify(kind)}\``)
    if (kind !== undefined && variant.description !== undefined) parts.push(variant.description)
    const rows = keysOf(variant)
      .filter(([key]) => key !== 'kind')
      .flatMap(([key, value]) => rowsOf(`${name}.${key}`, value, isNeeded(variant, key)))
    parts.push(rows.length > 0 ? table(rows) : 'It has no other keys.')
  }
  return parts.join('\n\n')
}

/** A row for the key, or one for each of the keys in it. */
function rowsOf(key: string, schema: JsonSchema, needed = false): Row[] {
  const inner = variantsOf(schema).filter((variant) => variant.properties !== undefined)
  if (inner.length === 0) return [rowOf(key, schema, needed)]
  const others = variantsOf(schema).filter((variant) => variant.properties === undefined)
  const own = others.length > 0 || schema.description !== undefined ? [rowOf(key, schema, needed)] : []
  return [
    ...own,
    ...inner.flatMap((variant) => keysOf(variant).flatMap(([name, value]) => rowsOf(`${key}.${name}`, value))),
  ]
}

function rowOf(key: string, schema: JsonSchema, needed: boolean): Row {
  const fallback = schema.defaultText ?? (schema.default === undefined ? '' : code(JSON.stringify(schema.default)))
  return {
    key: code(key),
    type: typeOf(schema),
    fallback: needed ? '*needed*' : fallback === code('{}') ? '' : fallback,
    description: [schema.description ?? '', schema.unit === undefined ? '' : `In ${schema.unit}.`].join(' ').trim(),
  }
}

function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return code(JSON.stringify(schema.const))
  if (schema.enum !== undefined) return schema.enum.map((value) => code(JSON.stringify(value))).join(', ')
  const variants = schema.anyOf ?? schema.oneOf
  if (variants !== undefined) return variants.map(typeOf).join(' or ')
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`
  if (schema.type === 'integer' || schema.type === 'number') return `${schema.type}${rangeOf(schema)}`
  return schema.type ?? 'any'
}

function rangeOf({ minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  const least = exclusiveMinimum !== undefined ? `> ${exclusiveMinimum}` : minimum !== undefined ? `≥ ${minimum}` : ''
  const most = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? `≤ ${maximum}` : ''
  return [least, most]
    .filter((text) => text !== '')
    .map((text) => ` ${text}`)
    .join(',')
}

const variantsOf = (schema: JsonSchema): JsonSchema[] => schema.oneOf ?? schema.anyOf ?? [schema]
const keysOf = (schema: JsonSchema): [string, JsonSchema][] => Object.entries(schema.properties ?? {})
const hasOwnKeys = (schema: JsonSchema): boolean =>
  variantsOf(schema).some((variant) => variant.properties !== undefined)
const isNeeded = (schema: JsonSchema, key: string): boolean =>
  (schema.required ?? []).includes(key) && schema.properties?.[key]?.default === undefined
const code = (text: string): string => `\`${text}\``

function table(rows: readonly Row[]): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
  const lines = rows.map((row) => `| ${[row.key, row.type, row.fallback, row.description].map(cell).join(' | ')} |`)
  return ['| key | type | default | what it decides |', '| --- | --- | --- | --- |', ...lines].join('\n')
}
