import { z } from 'zod'
import type { RepositorySnapshot } from '../../records/index.js'
import type { Overview } from '../generator.js'
import { writeApproach, writeRequirements } from '../narrator/overview.js'
import { ask, throwUnusable, type AgentAnswer, type AgentContext, type AgentQuestion } from './ask.js'
import { charsLeftForFacts } from './messages.js'
import { mainFacts, planBatches, planFacts } from './overview-facts.js'
import { listAnswer, objectAnswer } from './read-json.js'
import { readLine, readProse } from './read-text.js'
import type { ReadResult } from './read-result.js'

const mainAnswer = objectAnswer(z.object({ requirements: z.string(), approach: z.string() }))

const planAnswer = listAnswer('files', z.object({ path: z.string().min(1), purpose: z.string() }))

type PlannedFiles = Overview['files']

const maxRequirementsChars = 6_000
const maxApproachChars = 2_000
const maxPurposeChars = 240

/**
 * Asks for requirements and approach in one call, and for the plan of the files in one call for each batch. If an earlier
 * plan had `problems`, it asks only for the plan, and only for the `wanted` files.
 */
export async function askOverview(
  context: AgentContext,
  snapshot: RepositorySnapshot,
  problems: readonly string[],
  wanted: readonly string[],
): Promise<Overview> {
  const [texts, ...batches] = await Promise.all([
    problems.length === 0 ? askTexts(context, snapshot) : null,
    ...askPlan(context, snapshot, problems, wanted),
  ])
  const answers = [texts, ...batches].filter((answer) => answer !== null)
  return {
    requirements: texts?.value.requirements ?? '',
    approach: texts?.value.approach ?? '',
    files: batches.flatMap((batch) => batch?.value ?? []),
    calls: answers.map(({ call }) => call).filter((call) => call !== ''),
  }
}

type OverviewTexts = Pick<Overview, 'requirements' | 'approach'>

async function askTexts(context: AgentContext, snapshot: RepositorySnapshot): Promise<AgentAnswer<OverviewTexts>> {
  const question: AgentQuestion<OverviewTexts> = {
    role: 'main',
    purpose: { unit: snapshot.id, path: '' },
    facts: mainFacts(snapshot),
    schema: mainAnswer.schema,
    maxNewTokens: context.options.maxNewTokens.overview,
    maxAsks: context.options.maxAsks,
    read: ({ text, finishReason }, [, user]) => readTexts(text, finishReason === 'length', user?.content ?? ''),
  }
  const answer = await ask(context, question)
  if (answer !== null) return answer
  if (context.options.fallback === 'reject') throwUnusable(question)
  return { value: { requirements: writeRequirements(snapshot), approach: writeApproach(snapshot) }, call: '' }
}

function readTexts(text: string, isCut: boolean, prompt: string): ReadResult<OverviewTexts> {
  const result = mainAnswer.read(text)
  if ('problem' in result) return result
  const requirements = readProse(result.value.requirements, { maxChars: maxRequirementsChars, isCut, prompt })
  if ('problem' in requirements) return { problem: `Its requirements: ${requirements.problem}` }
  const approach = readProse(result.value.approach, { maxChars: maxApproachChars, isCut, prompt })
  if ('problem' in approach) return { problem: `Its approach: ${approach.problem}` }
  return { value: { requirements: requirements.value, approach: approach.value } }
}

/** One question for each batch. A batch without a usable answer names no files; the check of the plan reports them. */
function askPlan(
  context: AgentContext,
  snapshot: RepositorySnapshot,
  problems: readonly string[],
  wanted: readonly string[],
): Promise<AgentAnswer<PlannedFiles> | null>[] {
  const { options, prompts } = context
  const wrong = { share: 0.2, versions: [() => problems.join('\n')] }
  const fixed = { ...planFacts(snapshot, [], 0), batch: `${wanted.length} of ${wanted.length}`, wrong }
  const room = Math.floor(
    charsLeftForFacts(prompts.plan, fixed, options.maxPromptChars) * (problems.length > 0 ? 0.8 : 1),
  )
  const batches = planBatches(snapshot, wanted, room, options.maxNewTokens.overview)
  return batches.map(async (batch, at) => {
    const question: AgentQuestion<PlannedFiles> = {
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
    const answer = await ask(context, question)
    if (answer === null && options.fallback === 'reject') throwUnusable(question)
    return answer
  })
}

function readPlan(text: string, isCut: boolean): ReadResult<PlannedFiles> {
  const result = planAnswer.read(text)
  if ('problem' in result) return result
  // The last purpose of an answer that was cut may be incomplete.
  const entries = isCut ? result.value.slice(0, -1) : result.value
  const files = entries.map(({ path, purpose }) => ({ path, purpose: readLine(purpose, maxPurposeChars) }))
  return files.length === 0 ? { problem: 'It names no file.' } : { value: files }
}
