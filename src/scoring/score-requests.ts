import { z } from 'zod'
import { RetraceError } from '../core/index.js'
import type { Tokenizer } from '../tokenizer/index.js'
import type { Branch, Scorer } from './scorer.js'

const tokensOrText = z.union([z.string(), z.array(z.int().nonnegative().max(0xffffffff))])

/** One line of `retrace score`: each part is text, tokenized by itself, or token ids. */
export const scoreRequestSchema = z.strictObject({
  id: z.union([z.string(), z.number()]),
  prefix: tokensOrText,
  branches: z.array(z.strictObject({ context: tokensOrText.default(''), target: tokensOrText })).min(1),
})

/** Sum and mean in nats over the target's tokens, and each token's log-probability. */
export type ScoreAnswer =
  | { id: string | number; branches: { tokens: number; sum: number; mean: number; logProbs: number[] }[] }
  | { id: string | number | null; error: { code: string; message: string } }

/**
 * Answers one line. What is wrong with a line is its answer; what is wrong with the scorer is thrown.
 *
 * @throws ScoringError `BACKEND_DIED` and CoreError `ABORTED`: no later line could be answered
 */
export async function answerScoreRequest(
  line: string,
  scorer: Scorer,
  tokenizer: Tokenizer,
  signal?: AbortSignal,
): Promise<ScoreAnswer> {
  const request = parseRequest(line)
  if ('error' in request) return request
  const idsOf = (value: string | number[]): Uint32Array =>
    typeof value === 'string' ? tokenizer.encode(value) : Uint32Array.from(value)
  try {
    const prefix = await scorer.open(idsOf(request.prefix))
    try {
      const branches = request.branches.map(({ context, target }) => branchOf(idsOf(context), idsOf(target)))
      const scores = await scorer.score(prefix, branches, signal)
      return { id: request.id, branches: scores.map(({ logProbs }) => summaryOf(logProbs)) }
    } finally {
      scorer.close(prefix)
    }
  } catch (error) {
    if (!(error instanceof RetraceError) || error.code === 'BACKEND_DIED' || error.code === 'ABORTED') throw error
    return { id: request.id, error: { code: error.code, message: error.message } }
  }
}

function parseRequest(line: string): z.infer<typeof scoreRequestSchema> | Extract<ScoreAnswer, { error: unknown }> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    return {
      id: null,
      error: { code: 'REQUEST_INVALID', message: `The line is not JSON: ${(cause as Error).message}` },
    }
  }
  const parsed = scoreRequestSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const given = (value as { id?: unknown } | null)?.id
  const id = typeof given === 'string' || typeof given === 'number' ? given : null
  return {
    id,
    error: { code: 'REQUEST_INVALID', message: `${issue?.path.join('.') || 'the line'}: ${issue?.message}` },
  }
}

function branchOf(context: Uint32Array, target: Uint32Array): Branch {
  const tokens = new Uint32Array(context.length + target.length)
  tokens.set(context)
  tokens.set(target, context.length)
  return { tokens, scored: [{ start: context.length, end: tokens.length }] }
}

function summaryOf(logProbs: Float32Array): { tokens: number; sum: number; mean: number; logProbs: number[] } {
  const sum = logProbs.reduce((total, value) => total + value, 0)
  return { tokens: logProbs.length, sum, mean: sum / logProbs.length, logProbs: [...logProbs] }
}
