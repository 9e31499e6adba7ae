import { z } from 'zod'
import type { ReadChoice, ReadChoiceRequest } from '../generator.js'
import { ask, throwUnusable, type AgentContext, type AgentQuestion } from './ask.js'
import { readChoiceFacts } from './file-facts.js'
import { matchPath } from './match-path.js'
import { listAnswer } from './read-json.js'
import { indexSnapshot } from './snapshot-index.js'

const readsAnswer = listAnswer('read', z.string())

/** Asks which written files to read. Names of files that do not exist or are not written are left out. */
export async function askReads(context: AgentContext, request: ReadChoiceRequest): Promise<ReadChoice> {
  const { snapshot, path, candidates, written, maxReads } = request
  if (candidates.length === 0 || maxReads === 0) return { paths: [] }
  const question: AgentQuestion<string[]> = {
    role: 'file-agent',
    purpose: { unit: snapshot.id, path },
    facts: readChoiceFacts(request),
    schema: readsAnswer.schema,
    maxNewTokens: context.options.maxNewTokens.thought,
    maxAsks: context.options.maxAsks,
    read: ({ text }) => readsAnswer.read(text),
  }
  const answer = await ask(context, question)
  if (answer === null && context.options.fallback === 'reject') throwUnusable(question)
  const chosen = answer?.value ?? candidates.map((candidate) => candidate.path)
  const index = indexSnapshot(snapshot)
  const files = chosen.map((name) => matchPath(name, index, snapshot.name))
  const readable = files.filter((file) => file !== null && file !== path && written.has(file)) as string[]
  const paths = [...new Set(readable)].slice(0, maxReads)
  return answer === null ? { paths } : { paths, call: answer.call }
}
