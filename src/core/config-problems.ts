import type { ZodType } from 'zod'
import { formsAt, jsonSchemaOf, pathsOf, type JsonSchema } from './json-schema.js'

/** An issue as zod reports it, as far as it is read here. */
interface ConfigIssue {
  path: PropertyKey[]
  message: string
  code?: string
  errors?: ConfigIssue[][]
  keys?: string[]
  expected?: string
  values?: unknown[]
  minimum?: number | bigint
  maximum?: number | bigint
  inclusive?: boolean
  origin?: string
  format?: string
  pattern?: string
}

/** Keys of older versions, and the keys that took their places, by their paths. */
export type RenamedKeys = Readonly<Record<string, string>>

/** A few words for each problem of a config: the key, what was expected, and what stands there. */
export function describeProblems(
  schema: ZodType,
  config: unknown,
  issues: readonly ConfigIssue[],
  renamedKeys: RenamedKeys,
): string[] {
  const known = jsonSchemaOf(schema)
  return issues
    .flatMap((issue) => closestForm(issue))
    .flatMap((issue) =>
      issue.code === 'unrecognized_keys'
        ? (issue.keys ?? []).map((key) => unknownKey(known, [...issue.path, key], renamedKeys))
        : [`${issue.path.join('.') || '(top level)'}: ${expectedAndGot(issue, known, valueAt(config, issue.path))}`],
    )
}

/** For a value that fits none of several forms, the issues with the form that it comes closest to. */
function closestForm(issue: ConfigIssue): ConfigIssue[] {
  if (issue.code !== 'invalid_union' || issue.errors === undefined) return [issue]
  // A form of another type than the value was not meant.
  const isOther = ({ path, code }: ConfigIssue): boolean =>
    path.length === 0 && (code === 'invalid_type' || code === 'invalid_value')
  const [closest] = issue.errors
    .filter((issues) => !issues.some(isOther))
    .sort((a, b) => a.length - b.length || depthOf(b) - depthOf(a))
  if (closest === undefined) return [issue]
  return closest.flatMap((inner) => closestForm({ ...inner, path: [...issue.path, ...inner.path] }))
}

const depthOf = (issues: readonly ConfigIssue[]): number => Math.max(0, ...issues.map(({ path }) => path.length))

function unknownKey(known: JsonSchema, path: PropertyKey[], renamedKeys: RenamedKeys): string {
  const full = path.join('.')
  const renamed = Object.hasOwn(renamedKeys, full) ? renamedKeys[full] : undefined
  if (renamed !== undefined) return `${full} is now ${renamed}`
  const above = path.slice(0, -1)
  const key = String(path.at(-1))
  const beside = [...new Set(formsAt(known, above).flatMap(({ properties = {} }) => Object.keys(properties)))]
  if (beside.includes(key)) return `${full}: it does not go with the other keys of ${above.join('.')}`
  const nearest = nearestOf(key, beside)
  if (nearest !== undefined) return `${full}: there is no such key, perhaps ${[...above, nearest].join('.')} is meant`
  const elsewhere = pathsOf(known).find((other) => other.split('.').at(-1) === key)
  if (elsewhere !== undefined) return `${full}: there is no such key here, perhaps ${elsewhere} is meant`
  return `${full}: there is no such key, known are ${beside.join(', ')}`
}

/** The name that a mistyped name was meant to be: few letters differ, or one of them begins with the other. */
function nearestOf(name: string, names: readonly string[]): string | undefined {
  const ranked = names.map((other) => ({ other, distance: distanceOf(name.toLowerCase(), other.toLowerCase()) }))
  const [best] = ranked.sort((a, b) => a.distance - b.distance)
  const most = Math.min(name.length - 1, Math.max(2, Math.floor(name.length / 3)))
  return best !== undefined && best.distance <= most ? best.other : undefined
}

function distanceOf(name: string, other: string): number {
  const isBegun = Math.min(name.length, other.length) >= 4 && (other.startsWith(name) || name.startsWith(other))
  return isBegun ? 1 : editDistance(name, other)
}

/** How many letters have to be inserted, removed or replaced to turn one word into the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1]
    for (let at = 0; at < to.length; at++) {
      const replaced = (row[at] as number) + (letter === to[at] ? 0 : 1)
      next.push(Math.min(replaced, (row[at + 1] as number) + 1, (next[at] as number) + 1))
    }
    row = next
  }
  return row.at(-1) as number
}

const typeNames: Record<string, string> = {
  int: 'a whole number',
  number: 'a number',
  string: 'a text in quotes',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
}

function expectedAndGot(issue: ConfigIssue, known: JsonSchema, found: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${typeNames[issue.expected ?? ''] ?? issue.expected}, got ${shown(found)}`
    case 'invalid_value':
      return `expected ${oneOf(issue.values ?? [])}, got ${shown(found)}`
    case 'invalid_union':
      return `expected ${oneOfForms(formsAt(known, issue.path))}, got ${shown(found)}`
    case 'too_small':
      return `expected ${issue.inclusive === false ? 'more than' : 'at least'} ${countOf(issue.minimum, issue)}, got ${sizeOf(found)}`
    case 'too_big':
      return `expected ${issue.inclusive === false ? 'less than' : 'at most'} ${countOf(issue.maximum, issue)}, got ${sizeOf(found)}`
    case 'invalid_format':
      // Not of other formats: an address may have a password in it.
      if (issue.format !== 'regex') return issue.message
      return `expected a text that matches ${issue.pattern}, got ${shown(found)}`
    default:
      return issue.message
  }
}

function oneOf(values: readonly unknown[]): string {
  const names = [...new Set(values.map((value) => JSON.stringify(value)))]
  return names.length === 1 ? String(names[0]) : `one of ${names.join(', ')}`
}

/** The choices: constants and enums by their values, other forms by their types. */
function oneOfForms(forms: readonly JsonSchema[]): string {
  const names = forms.flatMap((form) => {
    if ('const' in form) return [JSON.stringify(form.const)]
    return form.enum?.map((value) => JSON.stringify(value)) ?? [typeNames[form.type ?? ''] ?? String(form.type)]
  })
  return [...new Set(names)].join(' or ')
}

/** A bound with the unit of what it bounds. */
function countOf(bound: number | bigint | undefined, { origin }: ConfigIssue): string {
  const isOne = Number(bound) === 1
  if (origin === 'string') return `${bound} ${isOne ? 'character' : 'characters'}`
  return origin === 'array' ? `${bound} ${isOne ? 'entry' : 'entries'}` : String(bound)
}

function sizeOf(found: unknown): string {
  return typeof found === 'string' || Array.isArray(found) ? String(found.length) : shown(found)
}

const maxShownChars = 60

function shown(found: unknown): string {
  if (found === undefined) return 'nothing'
  if (Array.isArray(found)) return 'a list'
  if (typeof found === 'object' && found !== null) return 'an object'
  const text = JSON.stringify(found)
  return text.length > maxShownChars ? `${text.slice(0, maxShownChars)}...` : text
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((inner, key) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[key], value)
}
