import { z } from 'zod'
import { RetraceError } from '../core/index.js'
import type { Tokenizer } from '../tokenizer/index.js'
import type { ScoringErrorCode } from './errors.js'
import type { Branch, Scorer } from './scorer.js'

const textOrIds = z.union([z.string(), z.array(z.int().nonnegative().max(0xffffffff))])

const scoreRequestSchema = z.strictObject({
  id: z.union([z.string(), z.number()]),
  prefix: textOrIds,
  branches: z.array(z.strictObject({ context: textOrIds.default(''), target: textOrIds })),
})
type ScoreRequest = z.infer<typeof scoreRequestSchema>

/** Log-probabilities (nats) of each branch's target behind prefix and context, or why there are none. */
export type ScoreAnswer =
  | { id: string | number; branches: { tokens: number; sum: number; mean: number; logProbs: number[] }[] }
  | { id: string | number | null; error: { code: string; message: string } }

/**
 * Answers one line of JSON: `{"id", "prefix", "branches": [{"context", "target"}]}`, each text or token ids.
 *
 * Prefix, context and target are each tokenized alone, and nothing is added. A bad request is answered with an error, so
 * that the lines after it are still answered. Where the scorer died or was aborted, that is thrown.
 *
 * @throws ScoringError `BACKEND_DIED`, `DEVICE_LOST`, `ABORTED`
 */
export async function answerScoreRequest(
  line: string,
  scorer: Scorer,
  tokenizer: Tokenizer,
  signal?: AbortSignal,
): Promise<ScoreAnswer> {
  const parsed = parse(line)
  if ('error' in parsed) return parsed
  try {
    return { id: parsed.id, branches: await scoreBranches(parsed, scorer, tokenizer, signal) }
  } catch (error) {
    if (!(error instanceof RetraceError) || error.kind === 'run') throw error
    return { id: parsed.id, error: { code: error.code, message: error.message } }
  }
}

async function scoreBranches(request: ScoreRequest, scorer: Scorer, tokenizer: Tokenizer, signal?: AbortSignal) {
  const idsOf = (value: string | number[]): Uint32Array =>
    typeof value === 'string' ? tokenizer.encode(value) : Uint32Array.from(value)
  const branches = request.branches.map(({ context, target }) => toBranch(idsOf(context), idsOf(target)))

  const prefix = await scorer.open(idsOf(request.prefix))
  try {
    const scores = await scorer.score(prefix, branches, signal)
    return scores.map(({ logProbs }) => {
      const sum = logProbs.reduce((total, value) => total + value, 0)
      return { tokens: logProbs.length, sum, mean: sum / logProbs.length, logProbs: [...logProbs] }
    })
  } finally {
    scorer.close(prefix)
  }
}

function toBranch(context: Uint32Array, target: Uint32Array): Branch {
  const tokens = new Uint32Array(context.length + target.length)
  tokens.set(context)
  tokens.set(target, context.length)
  return { tokens, scored: target.length === 0 ? [] : [{ start: context.length, end: tokens.length }] }
}

function parse(line: string): ScoreRequest | Extract<ScoreAnswer, { error: unknown }> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    return refused(null, `the line is not JSON (${(cause as Error).message})`)
  }
  const result = scoreRequestSchema.safeParse(value)
  if (result.success) return result.data
  const id = (value as { id?: unknown } | null)?.id
  const first = result.error.issues[0]
  const known = typeof id === 'string' || typeof id === 'number' ? id : null
  return refused(known, `${first?.path.join('.') || 'the line'}: ${first?.message}`)
}

function refused(id: string | number | null, why: string): Extract<ScoreAnswer, { error: unknown }> {
  const form = '{"id", "prefix", "branches": [{"context", "target"}]}'
  const code: ScoringErrorCode = 'INVALID_REQUEST'
  return { id, error: { code, message: `The request cannot be read: ${why}. Write ${form}.` } }
}
