import { ScoringError } from './errors.js'
import type { Branch, ModelInfo, Prefix } from './scorer.js'

type Limits = Pick<ModelInfo, 'vocabularySize' | 'contextLength'>

/** @throws ScoringError `TOKEN_OUT_OF_RANGE`, `CONTEXT_TOO_LONG` */
export function checkPrefixTokens(model: Limits, tokens: Uint32Array): void {
  checkTokens(model, tokens, 'The prefix')
  checkLength(model, tokens.length, 0)
}

/** Checks all branches of one call, so that a bad one fails the call before any work is done. */
export function checkBranches(model: Limits, prefix: Prefix, branches: readonly Branch[]): void {
  branches.forEach((branch, i) => {
    const name = `Branch ${i}`
    checkTokens(model, branch.tokens, name)
    checkLength(model, prefix.length, branch.tokens.length)
    checkScored(prefix, branch, name)
  })
}

/** A branch that is only committed needs no range to score. */
export function checkCommit(model: Limits, prefix: Prefix, branch: Branch): void {
  checkTokens(model, branch.tokens, 'The branch')
  checkLength(model, prefix.length, branch.tokens.length)
}

function checkTokens(model: Limits, tokens: Uint32Array, name: string): void {
  const position = tokens.findIndex((token) => token >= model.vocabularySize)
  if (position < 0) return
  throw new ScoringError(
    'TOKEN_OUT_OF_RANGE',
    `${name} has token ${tokens[position]} at position ${position}, and the model knows [0, ${model.vocabularySize}). ` +
      'Tokenize with the tokenizer of this model.',
    { position, token: tokens[position], vocabularySize: model.vocabularySize },
  )
}

function checkLength(model: Limits, prefixTokens: number, branchTokens: number): void {
  const needed = prefixTokens + branchTokens
  if (needed <= model.contextLength) return
  throw new ScoringError(
    'CONTEXT_TOO_LONG',
    `A prefix of ${prefixTokens} tokens and a branch of ${branchTokens} need ${needed} tokens of context, and the model ` +
      `has ${model.contextLength}. Use a shorter prefix or a model with a longer context.`,
    { needed, available: model.contextLength, prefixTokens, branchTokens },
  )
}

function checkScored(prefix: Prefix, branch: Branch, name: string): void {
  const refuse = (why: string): never => {
    throw new ScoringError('INVALID_BRANCH', `${name} cannot be scored: ${why}.`, { scored: branch.scored })
  }
  if (branch.scored.length === 0) {
    throw new ScoringError('EMPTY_TARGET', `${name} has nothing to score: it names no range of its tokens.`)
  }
  let reached = 0
  for (const { start, end } of branch.scored) {
    const range = `[${start}, ${end})`
    if (!Number.isInteger(start) || !Number.isInteger(end)) refuse(`the range ${range} is not of whole numbers`)
    if (start < reached) refuse(`the range ${range} is out of order or overlaps the one before it`)
    if (end <= start) refuse(`the range ${range} is empty`)
    if (end > branch.tokens.length) refuse(`the range ${range} passes its end at ${branch.tokens.length} tokens`)
    reached = end
  }
  if (prefix.length === 0 && branch.scored[0]?.start === 0) {
    refuse('its first token is scored behind an empty prefix, where nothing predicts it')
  }
}
