import type { ZodType, output } from 'zod'
import type { Conversation, Turn } from '../../records/index.js'
import { InterchangeError, rejectRow, type RejectReason } from '../errors.js'
import { atifSchema, atifTurns, type AtifDocument } from './atif-turns.js'
import { openaiRowSchema, openaiTurns } from './openai-turns.js'

/** The conversation of a row or of a trajectory embedded in it, or why there is none. */
export type Outcome = { conversation: Conversation } | { id: string; reason: RejectReason; message: string }

/** Mixture component of a row that names none, or none that can be part of a file name. */
const defaultDomain = 'imported'

/**
 * A row of either format as conversations: one for the row, and one for each embedded trajectory that is not part of
 * its parent. What cannot become a conversation is an outcome with a reason.
 *
 * @param place names the row where it has no id of its own, such as `rows.jsonl:17`
 */
export function conversationsOfRow(row: unknown, place: string): Outcome[] {
  const column = isObject(row) ? messageColumns.find((name) => name in row) : undefined
  if (isObject(row) && column !== undefined) return [orReject(place, () => openaiConversation(row, column, place))]
  if (isObject(row) && 'steps' in row) {
    const parsed = orReject(place, () => parse(atifSchema, row))
    return 'reason' in parsed ? [parsed] : atifConversations(parsed, idOf(parsed) ?? place, domainOf(parsed.extra))
  }
  return [{ id: place, reason: 'unknown-form', message: 'it has neither messages nor the steps of an ATIF trajectory' }]
}

/** Names of the column with the messages; `trajectory` in sets of agents' runs such as SWE-rebench's. */
const messageColumns = ['messages', 'trajectory'] as const

function openaiConversation(row: Record<string, unknown>, column: string, place: string): Outcome {
  const { id, trajectory_id } = row
  const texts = readTexts({ ...row, messages: row[column], id: id ?? trajectory_id })
  const { id: own, messages, metadata } = parse(openaiRowSchema, texts)
  return { conversation: conversation(String(own ?? place), domainOf(metadata), openaiTurns(messages)) }
}

function atifConversations(document: AtifDocument, id: string, domain: string): Outcome[] {
  const outcomes: Outcome[] = []
  // From the top down; a list instead of a recursion, since a hostile file may be nested very deep.
  const waiting = [{ document, id }]
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { document, id } = next
    outcomes.push(
      orReject(id, () => {
        const { turns, separate } = atifTurns(document)
        waiting.push(...separate.map((part, index) => ({ document: part, id: `${id}/${part.trajectory_id ?? index}` })))
        return { conversation: conversation(id, domain, turns) }
      }),
    )
  }
  return outcomes
}

function conversation(id: string, domain: string, turns: Turn[]): Conversation {
  if (turns.some(({ role }) => role === 'assistant')) return { schemaVersion: 1, id, domain, turns }
  return rejectRow('nothing-to-learn', 'no agent says or does anything in it')
}

/** Columns of a Parquet file may hold messages and metadata as JSON. */
function readTexts(row: object): object {
  const entries = Object.entries(row).map(([key, value]: [string, unknown]) => {
    const isJson = ['messages', 'metadata'].includes(key) && typeof value === 'string'
    return [key, isJson ? readJson(value) : value] as const
  })
  return Object.fromEntries(entries)
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function idOf({ trajectory_id, session_id }: AtifDocument): string | undefined {
  return trajectory_id ?? session_id ?? undefined
}

/** A domain becomes part of file names; a word that cannot is not taken. */
function domainOf(extra: unknown): string {
  const own = isObject(extra) && isObject(extra['retrace']) ? extra['retrace'] : extra
  const domain = isObject(own) ? own['domain'] : null
  return typeof domain === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(domain) ? domain : defaultDomain
}

function parse<S extends ZodType>(schema: S, value: unknown): output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const first = result.error.issues[0]
  return rejectRow('invalid', `${first?.path.join('.') || 'the row'}: ${first?.message ?? 'has another form'}`)
}

/** @param id names what is rejected */
function orReject<T>(id: string, work: () => T): T | Exclude<Outcome, { conversation: Conversation }> {
  try {
    return work()
  } catch (error) {
    if (error instanceof InterchangeError && error.code === 'ROW_REJECTED') {
      return { id, reason: error.details['reason'] as RejectReason, message: error.message }
    }
    // Hostile nesting is deeper than the call stack.
    if (error instanceof RangeError) return { id, reason: 'unreadable', message: 'it is nested too deep' }
    throw error
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
