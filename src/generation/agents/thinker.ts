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

/** @param narrator writes the thought if no answer of the model can be used */
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

/** Other thoughts for the same step, one call each. Thoughts that are known already are left out. */
export async function askRewrites(
  context: AgentContext,
  request: ThoughtRequest,
  best: Thought,
  tried: ReadonlySet<string>,
  count: number,
  seed: string,
): Promise<Thought[]> {
  const known = new Set([...tried, best.text])
  // Sorted, because the order in which the scores arrived must not change the request.
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
          const result = question.read(completion, messages)
          if (!('value' in result) || !known.has(result.value)) return result
          return { problem: 'It says what was said already.' }
        },
      }),
    ),
  )
  const thoughts = new Map<string, Thought>()
  for (const answer of answers) {
    if (answer !== null && !thoughts.has(answer.value))
      thoughts.set(answer.value, { text: answer.value, facts: [], call: answer.call })
  }
  return [...thoughts.values()]
}

/** The model's own code for the part; it is never shown the true code. `null` if its only answer is not usable code. */
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

/** Code with at least one of these names in it: without any, the answer is prose or another program. */
function readAttempt(text: string, names: readonly string[]): ReadResult<string> {
  const result = readCode(text)
  if ('problem' in result || names.length === 0 || names.some((name) => result.value.includes(name))) return result
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
