import { z } from 'zod'
import type { RepositorySnapshot } from '../../records/index.js'
import type { Overview } from '../generator.js'
import { tellApproach, tellRequirements } from '../narrator/overview.js'
import { ask, refuseFallback, type Answered, type Desk, type Question } from './ask.js'
import { roomFor } from './messages.js'
import { mainFacts, planBatches, planFacts } from './overview-facts.js'
import { listAnswer, objectAnswer } from './read-json.js'
import { readLine, readProse } from './read-text.js'
import type { Reading } from './reading.js'

const mainAnswer = objectAnswer(z.object({ requirements: z.string(), approach: z.string() }))

const planAnswer = listAnswer('files', z.object({ path: z.string().min(1), purpose: z.string() }))

type Files = Overview['files']

const maxRequirementsChars = 6_000
const maxApproachChars = 2_000
const maxPurposeChars = 240

/**
 * Requirements and approach by one call, the files by one for each batch. Where there are `problems` with an earlier
 * plan, the batches alone are asked for, of the files that are `wanted`.
 */
export async function askOverview(
  desk: Desk,
  snapshot: RepositorySnapshot,
  problems: readonly string[],
  wanted: readonly string[],
): Promise<Overview> {
  const [words, ...batches] = await Promise.all([
    problems.length === 0 ? askWords(desk, snapshot) : null,
    ...askPlan(desk, snapshot, problems, wanted),
  ])
  const answered = [words, ...batches].filter((one) => one !== null)
  return {
    requirements: words?.value.requirements ?? '',
    approach: words?.value.approach ?? '',
    files: batches.flatMap((batch) => batch?.value ?? []),
    calls: answered.map(({ call }) => call).filter((call) => call !== ''),
  }
}

type Words = Pick<Overview, 'requirements' | 'approach'>

async function askWords(desk: Desk, snapshot: RepositorySnapshot): Promise<Answered<Words>> {
  const question: Question<Words> = {
    role: 'main',
    purpose: { unit: snapshot.id, path: '' },
    facts: mainFacts(snapshot),
    schema: mainAnswer.schema,
    maxNewTokens: desk.options.maxNewTokens.overview,
    maxAsks: desk.options.maxAsks,
    read: ({ text, finishReason }, [, user]) => readWords(text, finishReason === 'length', user?.content ?? ''),
  }
  const answered = await ask(desk, question)
  if (answered !== null) return answered
  if (desk.options.fallback === 'reject') refuseFallback(question)
  return { value: { requirements: tellRequirements(snapshot), approach: tellApproach(snapshot) }, call: '' }
}

function readWords(text: string, isCut: boolean, prompt: string): Reading<Words> {
  const read = mainAnswer.read(text)
  if ('problem' in read) return read
  const requirements = readProse(read.value.requirements, { maxChars: maxRequirementsChars, isCut, prompt })
  if ('problem' in requirements) return { problem: `Its requirements: ${requirements.problem}` }
  const approach = readProse(read.value.approach, { maxChars: maxApproachChars, isCut, prompt })
  if ('problem' in approach) return { problem: `Its approach: ${approach.problem}` }
  return { value: { requirements: requirements.value, approach: approach.value } }
}

/** One question for each batch; a batch without a usable answer names no file, and the check of the plan will say so. */
function askPlan(
  desk: Desk,
  snapshot: RepositorySnapshot,
  problems: readonly string[],
  wanted: readonly string[],
): Promise<Answered<Files> | null>[] {
  const { options, prompts } = desk
  const wrong = { share: 0.2, tellings: [() => problems.join('\n')] }
  const fixed = { ...planFacts(snapshot, [], 0), batch: `${wanted.length} of ${wanted.length}`, wrong }
  const room = Math.floor(roomFor(prompts.plan, fixed, options.maxPromptChars) * (problems.length > 0 ? 0.8 : 1))
  const batches = planBatches(snapshot, wanted, room, options.maxNewTokens.overview)
  return batches.map(async (batch, at) => {
    const question: Question<Files> = {
      role: 'plan',
      purpose: { unit: snapshot.id, path: '' },
      facts: {
        wrong,
        ...planFacts(snapshot, batch, room),
        batch: batches.length === 1 ? '' : `${at + 1} of ${batches.length}`,
      },
      schema: planAnswer.schema,
      maxNewTokens: options.maxNewTokens.overview,
      maxAsks: options.maxAsks,
      read: ({ text, finishReason }) => readPlan(text, finishReason === 'length'),
    }
    const answered = await ask(desk, question)
    if (answered === null && options.fallback === 'reject') refuseFallback(question)
    return answered
  })
}

function readPlan(text: string, isCut: boolean): Reading<Files> {
  const read = planAnswer.read(text)
  if ('problem' in read) return read
  // Of an answer that was cut, the last purpose may be half of one.
  const entries = isCut ? read.value.slice(0, -1) : read.value
  const files = entries.map(({ path, purpose }) => ({ path, purpose: readLine(purpose, maxPurposeChars) }))
  return files.length === 0 ? { problem: 'It names no file.' } : { value: files }
}
