import { z } from 'zod'
import type { Turn } from '../../records/index.js'
import { noteSchema } from '../note.js'
import { contentSchema, contentText } from './content-text.js'
import { TurnList, type ForeignCall } from './turn-list.js'

const functionSchema = z.looseObject({ name: z.string(), arguments: z.unknown().optional() })
const messageSchema = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: contentSchema,
  reasoning_content: z.string().nullish(),
  tool_calls: z.array(z.looseObject({ id: z.string().nullish(), function: functionSchema })).nullish(),
  /** The form of calls before there were tools. */
  function_call: functionSchema.nullish(),
  tool_call_id: z.string().nullish(),
  weight: z.number().nullish(),
  retrace: noteSchema.nullish(),
})
type Message = z.infer<typeof messageSchema>

/** A row of OpenAI messages. Tool definitions may be missing: they are not rendered. */
export const openaiRowSchema = z.looseObject({
  id: z.union([z.string(), z.number()]).nullish(),
  messages: z.array(messageSchema).min(1),
  metadata: z.unknown().optional(),
})

export function openaiTurns(messages: readonly Message[]): Turn[] {
  const list = new TurnList()
  for (const message of messages) if (message.retrace?.packed !== false) addMessage(list, message)
  return list.turns
}

function addMessage(list: TurnList, message: Message): void {
  const text = contentText(message.content)
  const { retrace, weight } = message
  const isDraft = retrace?.draft === true
  const trained = weight !== 0 || isDraft
  switch (message.role) {
    case 'system':
    case 'developer':
      return list.say('system', text, trained)
    case 'user':
      return list.say('user', text, trained)
    case 'tool':
    case 'function':
      return list.see(text, message.tool_call_id ?? null, trained)
    case 'assistant': {
      if (typeof retrace?.plan === 'number') return list.plan(text, retrace.plan, trained)
      const calls = callsOf(message)
      const [thought, answer] = calls.length > 0 ? [text, ''] : ['', text]
      return list.act({ thoughts: [message.reasoning_content ?? '', thought], answer, calls, trained, isDraft })
    }
  }
}

function callsOf({ tool_calls, function_call }: Message): ForeignCall[] {
  const calls = (tool_calls ?? []).map(({ id, function: called }) => ({ id: id ?? null, ...argumentsOf(called) }))
  return function_call === null || function_call === undefined
    ? calls
    : [...calls, { id: null, ...argumentsOf(function_call) }]
}

/** Arguments come as JSON in a string. Some writers leave the value as it is, and a model may have written no JSON. */
function argumentsOf({ name, arguments: given }: z.infer<typeof functionSchema>): Omit<ForeignCall, 'id'> {
  if (typeof given !== 'string') return { name, arguments: given }
  try {
    return { name, arguments: JSON.parse(given) as unknown }
  } catch {
    return { name, arguments: given }
  }
}
