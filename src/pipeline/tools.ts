import { existsSync, renameSync, rmSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { RunConfig } from '../config.js'
import { CoreError, memoryBlobStore } from '../core/index.js'
import { createParsePool, groundRepository } from '../grounding/index.js'
import type { RepositorySnapshot } from '../records/index.js'
import { answerScoreRequest, createScorer, describeDevice } from '../scoring/index.js'
import { loadTokenizer } from '../tokenizer/index.js'
import type { RunContext } from './run/run-folder.js'

/** Grounds one repository and keeps nothing. @throws GroundingError */
export async function groundOnly(input: string, config: RunConfig, context: RunContext): Promise<RepositorySnapshot> {
  const pool = createParsePool(config.workers.grounding)
  try {
    const options = context.signal === undefined ? { pool } : { pool, signal: context.signal }
    return await groundRepository(input, config.grounding, memoryBlobStore(), options)
  } finally {
    await pool.dispose()
  }
}

/**
 * Answers every line of `input` in `output`, in order. The output appears when it is whole.
 *
 * @returns how many lines were answered, and how many of them with an error
 */
export async function scoreFile(
  modelDir: string,
  input: string,
  output: string,
  config: RunConfig,
  context: RunContext,
): Promise<{ answered: number; failed: number }> {
  if (resolve(input) === resolve(output)) {
    throw new CoreError('CONFIG_INVALID', `The answers would replace the requests in ${input}. Give another --out.`)
  }
  if (!existsSync(dirname(resolve(output)))) {
    throw new CoreError('INPUT_NOT_FOUND', `The folder of ${output} does not exist. Make it first.`)
  }
  const tokenizer = await loadTokenizer(modelDir)
  const requests = await openInput(input)
  const temporary = `${output}.${process.pid}.tmp`
  const counts = { answered: 0, failed: 0 }
  try {
    await using(await createScorer({ ...config.scorer, modelDir }), async (scorer) => {
      context.progress.detail(`Scorer: ${describeDevice(scorer.model)}.`)
      const answers = await open(temporary, 'w')
      const bar = context.progress.stage('Scoring', 0, 'requests')
      try {
        for await (const line of requests.readLines()) {
          if (line.trim() === '') continue
          const answer = await answerScoreRequest(line, scorer, tokenizer, context.signal)
          await answers.write(JSON.stringify(answer) + '\n')
          counts.answered++
          if ('error' in answer) counts.failed++
          bar.advance()
        }
        await answers.sync()
      } finally {
        bar.finish()
        await answers.close()
      }
    })
    renameSync(temporary, output)
    return counts
  } finally {
    rmSync(temporary, { force: true })
    await requests.close()
  }
}

async function using<Owned extends { dispose(): Promise<void> }>(
  owned: Owned,
  work: (owned: Owned) => Promise<void>,
): Promise<void> {
  try {
    await work(owned)
  } finally {
    await owned.dispose()
  }
}

async function openInput(path: string): Promise<FileHandle> {
  try {
    return await open(path)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read: ${message}`
    throw new CoreError('INPUT_NOT_FOUND', `${path} ${why}. Check the path.`, { path }, { cause })
  }
}
