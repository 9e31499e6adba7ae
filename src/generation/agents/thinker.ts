import type { Thought } from '../../records/index.js'
import type { Generator, ThoughtRequest } from '../generator.js'
import { ask, throwUnusable, type AgentContext, type AgentQuestion } from './ask.js'
import { declaredNames, stepFacts } from './file-facts.js'
import { readCode, readProse } from './read-text.js'
import type { ReadResult } from './read-result.js'
import type { Role } from './roles.js'

const thinkerRoles = { read: 'thinker-read', code: 'thinker-code', fix: 'thinker-fix' } as const satisfies Record<
  ThoughtRequest['leadsTo']['kind'],
  Role
>

/** @param narrator whose words stand where none of the model's could be used */
export async function askThought(
  context: AgentContext,
  request: ThoughtRequest,
  narrator: Generator,
): Promise<Thought> {
  const question = thoughtQuestion(context, request, thinkerRoles[request.leadsTo.kind])
  const answer = await ask(context, question)
  if (answer !== null) return { text: answer.value, facts: [], call: answer.call }
  if (context.options.fallback === 'reject') throwUnusable(question)
  return narrator.thought(request)
}

/** Other thoughts for the same step, each by a call of its own; those that say nothing new are left out. */
export async function askRewrites(
  context: AgentContext,
  request: ThoughtRequest,
  best: Thought,
  tried: ReadonlySet<string>,
  count: number,
  seed: string,
): Promise<Thought[]> {
  const known = new Set([...tried, best.text])
  // In the order of words: the order in which scores came must not change what is asked.
  const others = [...tried].filter((text) => text !== best.text).sort()
  const question = thoughtQuestion(context, request, 'rewriter')
  const facts = {
    ...question.facts,
    best: best.text,
    tried: { share: 0.2, versions: [() => others.map((text) => `- ${text.replace(/\s+/g, ' ')}`).join('\n')] },
  }
  const answers = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      ask(context, {
        ...question,
        facts,
        draw: `${seed} ${index}`,
        read(completion, messages) {
          const reading = question.read(completion, messages)
          if (!('value' in reading) || !known.has(reading.value)) return reading
          return { problem: 'It says what was said already.' }
        },
      }),
    ),
  )
  const found = new Map<string, Thought>()
  for (const answer of answers) {
    if (answer !== null && !found.has(answer.value))
      found.set(answer.value, { text: answer.value, facts: [], call: answer.call })
  }
  return [...found.values()]
}

/** The model's own code for the part, which it is never shown; `null` where it gives none, or none that is whole. Asked for once. */
export async function askAttempt(context: AgentContext, request: ThoughtRequest): ReturnType<Generator['attempt']> {
  const names = declaredNames(request)
  const answer = await ask<string>(context, {
    role: 'drafter',
    purpose: callPurpose(request),
    facts: stepFacts(request),
    schema: null,
    maxNewTokens: context.options.maxNewTokens.attempt,
    maxAsks: 0,
    read: ({ text, finishReason }) =>
      finishReason === 'length' ? { problem: 'It was cut off.' } : readAttempt(text, names),
  })
  return answer === null ? null : { code: answer.value, call: answer.call }
}

/** Code that has one of these names at least: prose, or another program, is no try at the file. */
function readAttempt(text: string, names: readonly string[]): ReadResult<string> {
  const reading = readCode(text)
  if ('problem' in reading || names.length === 0 || names.some((name) => reading.value.includes(name))) return reading
  return { problem: 'It declares nothing of what was asked for.' }
}

function thoughtQuestion(context: AgentContext, request: ThoughtRequest, role: Role): AgentQuestion<string> {
  const { maxNewTokens, maxAsks, maxThoughtChars } = context.options
  return {
    role,
    purpose: callPurpose(request),
    facts: stepFacts(request),
    schema: null,
    maxNewTokens: maxNewTokens.thought,
    maxAsks,
    read: ({ text, finishReason }, messages) =>
      readProse(text, {
        maxChars: maxThoughtChars,
        isCut: finishReason === 'length',
        prompt: messages.at(-1)?.content ?? '',
      }),
  }
}

const callPurpose = ({ snapshot, path }: ThoughtRequest): { unit: string; path: string } => ({
  unit: snapshot.id,
  path,
})
