import { z } from 'zod'
import type { ReadChoice, ReadChoiceRequest } from '../generator.js'
import { ask, refuseFallback, type Desk, type Question } from './ask.js'
import { readChoiceFacts } from './file-facts.js'
import { matchPath } from './match-path.js'
import { listAnswer } from './read-json.js'
import { structureOf } from './structure.js'

const readsAnswer = listAnswer('read', z.string())

/** Which written files to read: as the model says, but for those that are not written or not there. */
export async function askReads(desk: Desk, request: ReadChoiceRequest): Promise<ReadChoice> {
  const { snapshot, path, candidates, written, maxReads } = request
  if (candidates.length === 0 || maxReads === 0) return { paths: [] }
  const question: Question<string[]> = {
    role: 'file-agent',
    purpose: { unit: snapshot.id, path },
    facts: readChoiceFacts(request),
    schema: readsAnswer.schema,
    maxNewTokens: desk.options.maxNewTokens.thought,
    maxAsks: desk.options.maxAsks,
    read: ({ text }) => readsAnswer.read(text),
  }
  const answered = await ask(desk, question)
  if (answered === null && desk.options.fallback === 'reject') refuseFallback(question)
  const said = answered?.value ?? candidates.map((one) => one.path)
  const structure = structureOf(snapshot)
  const files = said.map((one) => matchPath(one, structure, snapshot.name))
  const readable = files.filter((one) => one !== null && one !== path && written.has(one)) as string[]
  const paths = [...new Set(readable)].slice(0, maxReads)
  return answered === null ? { paths } : { paths, call: answered.call }
}
