import type { Thought } from '../../records/index.js'
import type { Generator, ThoughtRequest } from '../generator.js'
import { ask, refuseFallback, type Desk, type Question } from './ask.js'
import { declaredNames, stepFacts } from './file-facts.js'
import { readCode, readProse } from './read-text.js'
import type { Reading } from './reading.js'
import type { Role } from './roles.js'

const thinkerOf = { read: 'thinker-read', code: 'thinker-code', fix: 'thinker-fix' } as const satisfies Record<
  ThoughtRequest['leadsTo']['kind'],
  Role
>

/** @param narrator whose words stand where none of the model's could be used */
export async function askThought(desk: Desk, request: ThoughtRequest, narrator: Generator): Promise<Thought> {
  const question = thoughtQuestion(desk, request, thinkerOf[request.leadsTo.kind])
  const answered = await ask(desk, question)
  if (answered !== null) return { text: answered.value, facts: [], call: answered.call }
  if (desk.options.fallback === 'reject') refuseFallback(question)
  return narrator.thought(request)
}

/** Other thoughts for the same step, each by a call of its own; those that say nothing new are left out. */
export async function askRewrites(
  desk: Desk,
  request: ThoughtRequest,
  best: Thought,
  tried: ReadonlySet<string>,
  count: number,
  seed: string,
): Promise<Thought[]> {
  const known = new Set([...tried, best.text])
  // In the order of words: the order in which scores came must not change what is asked.
  const others = [...tried].filter((text) => text !== best.text).sort()
  const question = thoughtQuestion(desk, request, 'rewriter')
  const facts = {
    ...question.facts,
    best: best.text,
    tried: { share: 0.2, tellings: [() => others.map((text) => `- ${text.replace(/\s+/g, ' ')}`).join('\n')] },
  }
  const answers = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      ask(desk, {
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
  for (const one of answers) {
    if (one !== null && !found.has(one.value)) found.set(one.value, { text: one.value, facts: [], call: one.call })
  }
  return [...found.values()]
}

/** The model's own code for the part, which it is never shown; `null` where it gives none, or none that is whole. Asked for once. */
export async function askAttempt(desk: Desk, request: ThoughtRequest): ReturnType<Generator['attempt']> {
  const names = declaredNames(request)
  const answered = await ask<string>(desk, {
    role: 'drafter',
    purpose: purposeOf(request),
    facts: stepFacts(request),
    schema: null,
    maxNewTokens: desk.options.maxNewTokens.attempt,
    maxAsks: 0,
    read: ({ text, finishReason }) =>
      finishReason === 'length' ? { problem: 'It was cut off.' } : readAttempt(text, names),
  })
  return answered === null ? null : { code: answered.value, call: answered.call }
}

/** Code that has one of these names at least: prose, or another program, is no try at the file. */
function readAttempt(text: string, names: readonly string[]): Reading<string> {
  const reading = readCode(text)
  if ('problem' in reading || names.length === 0 || names.some((name) => reading.value.includes(name))) return reading
  return { problem: 'It declares nothing of what was asked for.' }
}

function thoughtQuestion(desk: Desk, request: ThoughtRequest, role: Role): Question<string> {
  const { maxNewTokens, maxAsks, maxThoughtChars } = desk.options
  return {
    role,
    purpose: purposeOf(request),
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

const purposeOf = ({ snapshot, path }: ThoughtRequest): { unit: string; path: string } => ({ unit: snapshot.id, path })
