import { z } from 'zod'
import type { Turn } from '../../records/index.js'
import { rejectRow } from '../errors.js'
import { noteSchema } from '../note.js'
import { contentSchema, contentText } from './content-text.js'
import { TurnList } from './turn-list.js'

const resultSchema = z.looseObject({
  source_call_id: z.string().nullish(),
  content: contentSchema,
  subagent_trajectory_ref: z.array(z.looseObject({ trajectory_id: z.string().nullish() })).nullish(),
})
const stepSchema = z.looseObject({
  source: z.enum(['system', 'user', 'agent']),
  message: contentSchema,
  reasoning_content: z.string().nullish(),
  tool_calls: z
    .array(
      z.looseObject({
        tool_call_id: z.string().nullish(),
        function_name: z.string(),
        arguments: z.unknown().optional(),
      }),
    )
    .nullish(),
  observation: z.looseObject({ results: z.array(resultSchema) }).nullish(),
  is_copied_context: z.boolean().nullish(),
  extra: z.looseObject({ retrace: noteSchema.nullish() }).nullish().catch(null),
})
type AtifStep = z.infer<typeof stepSchema>

/** An ATIF document of any version 1.x. */
export interface AtifDocument {
  schema_version?: string | null | undefined
  trajectory_id?: string | null | undefined
  session_id?: string | null | undefined
  steps: AtifStep[]
  extra?: Record<string, unknown> | null | undefined
  subagent_trajectories?: AtifDocument[] | null | undefined
}

const embeddedSchema: z.ZodType<AtifDocument> = z.looseObject({
  schema_version: z.string().nullish(),
  trajectory_id: z.string().nullish(),
  session_id: z.string().nullish(),
  steps: z.array(stepSchema),
  extra: z.record(z.string(), z.unknown()).nullish(),
  subagent_trajectories: z.lazy(() => z.array(embeddedSchema)).nullish(),
})

export const atifSchema = embeddedSchema.refine(
  ({ schema_version }) => /^ATIF-v1\.\d+$/.test(schema_version ?? ''),
  'schema_version is no ATIF-v1.x',
)

/** The turns of a document, and the embedded documents whose steps are not among them: conversations of their own. */
export function atifTurns(document: AtifDocument): { turns: Turn[]; separate: AtifDocument[] } {
  const list = new TurnList()
  const separate: AtifDocument[] = []
  addSteps(list, document, separate)
  return { turns: list.turns, separate }
}

function addSteps(list: TurnList, { steps, subagent_trajectories }: AtifDocument, separate: AtifDocument[]): void {
  const embedded = subagent_trajectories ?? []
  const waiting = new Map(embedded.map((document, index) => [document.trajectory_id ?? `${index}`, document]))
  if (waiting.size < embedded.length) rejectRow('invalid', 'two of its embedded trajectories have the same id')
  for (const step of steps) {
    const note = step.extra?.retrace
    if (note?.packed === false) continue
    if (note?.delegated !== true) {
      addStep(list, step)
      continue
    }
    for (const id of referencesOf(step)) {
      const part = waiting.get(id)
      if (part === undefined)
        rejectRow('invalid', `it delegates to ${JSON.stringify(id)}, which is not embedded or was before`)
      // Taken once: a document that refers to a part many times would grow without bound.
      waiting.delete(id)
      addSteps(list, part, separate)
    }
  }
  separate.push(...waiting.values())
}

function addStep(list: TurnList, step: AtifStep): void {
  const { source, tool_calls, observation, reasoning_content, extra } = step
  const text = contentText(step.message)
  const trained = step.is_copied_context !== true
  if (source !== 'agent') {
    if (text !== '' || observation === null || observation === undefined) list.say(source, text, trained)
  } else if (typeof extra?.retrace?.plan === 'number') {
    list.plan(text, extra.retrace.plan, trained)
  } else {
    const calls = (tool_calls ?? []).map((call) => ({
      id: call.tool_call_id ?? null,
      name: call.function_name,
      arguments: call.arguments,
    }))
    const [thought, answer] = calls.length > 0 ? [text, ''] : ['', text]
    const isDraft = extra?.retrace?.draft === true
    list.act({ thoughts: [reasoning_content ?? '', thought], answer, calls, trained, isDraft })
  }
  for (const { source_call_id, content } of observation?.results ?? []) {
    // The answer of a sub-agent may have no content.
    if (content !== null && content !== undefined) list.see(contentText(content), source_call_id ?? null, trained)
  }
}

function referencesOf({ observation }: AtifStep): string[] {
  const results = observation?.results ?? []
  const references = results.flatMap(({ subagent_trajectory_ref }) => subagent_trajectory_ref ?? [])
  return references.flatMap(({ trajectory_id }) => trajectory_id ?? [])
}
