import { existsSync, renameSync, rmSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { RunConfig } from '../config.js'
import { CoreError } from '../core/index.js'
import { answerScoreRequest, createScorer, describeDevice, type Scorer } from '../scoring/index.js'
import { loadTokenizer, type Tokenizer } from '../tokenizer/index.js'
import type { RunContext } from './run/run-context.js'

/** How many lines were answered, and how many of them with an error. */
interface ScoreCounts {
  answered: number
  failed: number
}

/** Answers every line of `input` in `output`, in order. The output appears when it is whole. */
export async function scoreFile(
  modelDir: string,
  input: string,
  output: string,
  config: RunConfig,
  context: RunContext,
): Promise<ScoreCounts> {
  if (resolve(input) === resolve(output)) {
    throw new CoreError('CONFIG_INVALID', `The answers would replace the requests in ${input}. Give another --out.`)
  }
  if (!existsSync(dirname(resolve(output)))) {
    throw new CoreError('INPUT_NOT_FOUND', `The folder of ${output} does not exist. Make it first.`)
  }
  const tokenizer = await loadTokenizer(modelDir)
  const requests = await openInput(input)
  const temporary = `${output}.${process.pid}.tmp`
  try {
    const scorer = await createScorer({ ...config.scorer, modelDir })
    let counts: ScoreCounts
    try {
      context.progress.detail(`Scorer: ${describeDevice(scorer.model)}.`)
      counts = await answerRequests(requests, temporary, scorer, tokenizer, context)
    } finally {
      await scorer.dispose()
    }
    renameSync(temporary, output)
    return counts
  } finally {
    rmSync(temporary, { force: true })
    await requests.close()
  }
}

async function answerRequests(
  requests: FileHandle,
  path: string,
  scorer: Scorer,
  tokenizer: Tokenizer,
  { progress, signal }: RunContext,
): Promise<ScoreCounts> {
  const counts = { answered: 0, failed: 0 }
  const answers = await open(path, 'w')
  const bar = progress.stage('Scoring', 0, 'requests')
  try {
    for await (const line of requests.readLines()) {
      if (line.trim() === '') continue
      const answer = await answerScoreRequest(line, scorer, tokenizer, signal)
      await answers.write(JSON.stringify(answer) + '\n')
      counts.answered++
      if ('error' in answer) counts.failed++
      bar.advance()
    }
    await answers.sync()
    return counts
  } finally {
    bar.finish()
    await answers.close()
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
