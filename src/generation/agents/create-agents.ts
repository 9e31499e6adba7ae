import type { GeneratorInfo } from '../../records/index.js'
import type { CompletionClient } from '../completion.js'
import type { Generator } from '../generator.js'
import { createNarrator } from '../narrator/narrator.js'
import type { AgentContext } from './ask.js'
import { askReads } from './file-agent.js'
import { askOverview } from './main-agent.js'
import type { AgentOptions } from './options.js'
import { loadPrompts } from './prompts.js'
import { roles } from './roles.js'
import { askAttempt, askRewrites, askThought } from './thinker.js'

/** The model behind a client, and the seed of a run's draws. */
export interface ModelInfo {
  /** The model's name as the server knows it. */
  model: string
  /** Sampling parameters of every call. */
  parameters: Record<string, unknown>
  seed: number
}

/**
 * Agents over a language model: a main agent for requirements and plan, and for each file one that reads, thinks and
 * tries. They keep nothing between two questions, so that what they send depends on what they are asked alone.
 *
 * @throws GenerationError `PROMPT_INVALID`
 */
export function createAgents(client: CompletionClient, options: AgentOptions, modelInfo: ModelInfo): Generator {
  const context: AgentContext = { client, options, prompts: loadPrompts(options.promptsDir), seed: modelInfo.seed }
  const narrator = createNarrator()
  return {
    info: describeAgents(options, modelInfo),
    overview: (snapshot, problems, wanted = snapshot.order) => askOverview(context, snapshot, problems, wanted),
    purpose: (snapshot, path) => narrator.purpose(snapshot, path),
    chooseReads: (request) => askReads(context, request),
    thought: (request) => askThought(context, request, narrator),
    attempt: (request) => askAttempt(context, request),
    rewrite: (request, best, tried, count, seed) => askRewrites(context, request, best, tried, count, seed),
    dispose: () => client.dispose(),
  }
}

/** What the records say of such agents. @throws GenerationError `PROMPT_INVALID` */
export function describeAgents(
  { promptsDir }: AgentOptions,
  { model, parameters }: Pick<ModelInfo, 'model' | 'parameters'>,
): GeneratorInfo {
  const prompts = loadPrompts(promptsDir)
  return {
    kind: 'endpoint',
    version: '1',
    model,
    parameters,
    prompts: roles.map((role) => ({ role, version: prompts[role].version, system: prompts[role].system })),
  }
}
