import { jsonrepair } from 'jsonrepair'
import { z } from 'zod'
import { withoutThinking } from './read-text.js'
import type { ReadResult } from './read-result.js'

/** An answer in JSON: the schema that is sent, and the reader of the answer, both made from one zod schema. */
interface JsonAnswer<Value> {
  schema: Record<string, unknown>
  read: (text: string) => ReadResult<Value>
}

/** An answer that is one object. */
export function objectAnswer<Value>(schema: z.ZodType<Value>): JsonAnswer<Value> {
  return {
    schema: jsonSchemaOf(schema),
    read(text) {
      const found = findJson(text)
      for (const value of found) {
        const result = schema.safeParse(value)
        if (result.success) return { value: result.data }
      }
      return {
        problem: found.length === 0 ? notJson : `It is not the JSON that was asked for: ${firstProblem(schema, found)}`,
      }
    },
  }
}

/** An answer that is a list under a key. Items that do not match are left out: the last one may have been cut. */
export function listAnswer<Item>(key: string, itemSchema: z.ZodType<Item>): JsonAnswer<Item[]> {
  return {
    schema: jsonSchemaOf(z.object({ [key]: z.array(itemSchema) })),
    read(text) {
      const found = findJson(text)
      // Prose may hold brackets too, so a list without the key counts only if there is none under the key.
      const keyed = found.map((value) => (value as Record<string, unknown>)[key])
      for (const list of [...keyed, ...found].filter((value) => Array.isArray(value))) {
        const items = list.flatMap((item: unknown) => {
          const result = itemSchema.safeParse(item)
          return result.success ? [result.data] : []
        })
        if (items.length > 0 || list.length === 0) return { value: items }
      }
      return { problem: found.length === 0 ? notJson : `Its JSON has no list "${key}" of the form that was asked for.` }
    },
  }
}

const notJson = 'It is not JSON.'

function firstProblem(schema: z.ZodType, found: readonly unknown[]): string {
  const result = schema.safeParse(found[0])
  return result.success ? '' : z.prettifyError(result.error).replace(/\s+/g, ' ').slice(0, 200)
}

function jsonSchemaOf(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _uri, ...rest } = z.toJSONSchema(schema)
  return rest
}

/** Only so much of an answer is repaired: the time for it grows faster than the length. */
const maxRepairedChars = 40_000
/** At how many brackets a value is looked for: prose before it may have some too. */
const maxStarts = 4

/** The JSON values that an answer may mean, the likeliest first. The JSON may be fenced, between prose, or cut off. */
function findJson(answer: string): object[] {
  const text = withoutThinking(answer)
  const fenced = /```[\w-]*[ \t]*\r?\n([\s\S]*?)(?:```|$)/.exec(text)?.[1]
  const texts = fenced === undefined ? [text] : [fenced, text]
  const values = texts.flatMap((part) => startsOf(part).flatMap((start) => valuesAt(part, start)))
  return values.filter((value): value is object => typeof value === 'object' && value !== null)
}

function startsOf(text: string): number[] {
  const starts: number[] = []
  for (let at = text.search(/[[{]/); at >= 0 && starts.length < maxStarts;) {
    starts.push(at)
    const next = text.slice(at + 1).search(/[[{]/)
    at = next < 0 ? -1 : at + 1 + next
  }
  return starts
}

/**
 * The value that begins here. It ends at the last bracket that may close it, since prose may follow, or at the end of the
 * text, since it may have been cut. When it needs a repair, the end of the text is tried first: in an answer that was cut,
 * the last bracket closes something inside the value.
 */
function valuesAt(text: string, start: number): unknown[] {
  const last = text.lastIndexOf(text[start] === '{' ? '}' : ']')
  const closed = last > start ? text.slice(start, last + 1) : null
  const open = text.slice(start)
  const tries = [() => parse(closed), () => repair(open), () => repair(closed)]
  for (const attempt of tries) {
    const value = attempt()
    if (value !== undefined) return [value]
  }
  return []
}

function parse(text: string | null): unknown {
  try {
    return text === null ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

function repair(text: string | null): unknown {
  try {
    return text === null ? undefined : JSON.parse(jsonrepair(text.slice(0, maxRepairedChars)))
  } catch {
    // It cannot be repaired, or is nested so deep that the repair runs out of stack.
    return undefined
  }
}
