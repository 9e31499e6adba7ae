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

/** What the agents' requests depend on beside their options. */
interface ModelInfo {
  /** The name of the model on the server. */
  model: string
  /** Sampling parameters of every call. */
  parameters: Record<string, unknown>
  seed: number
}

/**
 * A generator that asks a language model: as the main agent for requirements and plan, and as the agent of each file for
 * reads, thoughts and attempts. It keeps nothing between two questions, so each request depends only on its question.
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

/** What the records keep about these agents. @throws GenerationError `PROMPT_INVALID` */
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
