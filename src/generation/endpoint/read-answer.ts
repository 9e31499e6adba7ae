import { z } from 'zod'
import type { Call, Usage } from '../../records/index.js'

/** The fields that a call record takes out of a response; it keeps the whole response too. */
export type Answer = Pick<Call, 'text' | 'finishReason' | 'usage'>

const partSchema = z.looseObject({ text: z.string().optional() })
const completionSchema = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        message: z.looseObject({ content: z.union([z.string(), z.array(partSchema)]).nullish() }),
        finish_reason: z.string().nullish(),
      }),
    )
    .min(1),
  usage: z.unknown().optional(),
})
const countSchema = z.int().nonnegative().catch(0)
const usageSchema = z
  .looseObject({ prompt_tokens: countSchema, completion_tokens: countSchema })
  .catch({ prompt_tokens: 0, completion_tokens: 0 })

/**
 * The answer in a response, or `null` if the response is no completion. Content may be a string, a list of parts, or
 * absent, which gives an empty text. Reasoning that a server sends beside the content is not part of the answer.
 */
export function readAnswer(response: unknown): Answer | null {
  const result = completionSchema.safeParse(response)
  const choice = result.data?.choices[0]
  if (choice === undefined) return null
  const content = choice.message.content ?? ''
  return {
    text: typeof content === 'string' ? content : content.map((part) => part.text ?? '').join(''),
    finishReason: finishReasonOf(choice.finish_reason),
    usage: readUsage(result.data?.usage),
  }
}

/** Whether an answer has no text. */
export const isEmpty = ({ text }: Pick<Answer, 'text'>): boolean => text.trim() === ''

/** Tokens as the server counted them; zeros if it did not. */
function readUsage(value: unknown): Usage {
  const { prompt_tokens, completion_tokens } = usageSchema.parse(value)
  return { promptTokens: prompt_tokens, completionTokens: completion_tokens }
}

function finishReasonOf(reason: string | null | undefined): Answer['finishReason'] {
  return reason === 'stop' || reason === 'length' ? reason : 'other'
}
