import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { createScorer, type ScorerOptions } from '../../src/scoring/index.js'
import { assertClose } from './contract.js'

/** Nats a token between float32 here and float64 there. */
const tolerance = 2e-5

interface Reference {
  prefix: number[]
  target: number[]
  branches: { context: number[]; logProbs: number[] }[]
}

/**
 * Compares the scores of a model with the log-probabilities that Transformers gave for it in double precision.
 *
 * @param folder where `reference.json` is
 * @param options of the scorer, but for the model
 */
export async function compareWithReference(
  modelDir: string,
  folder = modelDir,
  options: Omit<ScorerOptions, 'modelDir'> = {},
): Promise<void> {
  const reference = JSON.parse(readFileSync(join(folder, 'reference.json'), 'utf8')) as Reference
  const scorer = await createScorer({ ...options, modelDir })
  try {
    const prefix = await scorer.open(Uint32Array.from(reference.prefix))
    const branches = reference.branches.map(({ context }) => ({
      tokens: Uint32Array.from([...context, ...reference.target]),
      scored: [{ start: context.length, end: context.length + reference.target.length }],
    }))
    const scores = await scorer.score(prefix, branches)
    assert.ok(reference.branches.some(({ context }) => context.length === 0))
    reference.branches.forEach(({ logProbs }, i) => assertClose([...scores[i]!.logProbs], logProbs, tolerance))
  } finally {
    await scorer.dispose()
  }
}
