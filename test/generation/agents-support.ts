import { sha256Hex, memoryBlobStore } from '../../src/core/index.js'
import { createAgents } from '../../src/generation/agents/create-agents.js'
import { agentOptionsSchema, type AgentOptions } from '../../src/generation/agents/options.js'
import type { CallPurpose, CompletionClient, CompletionRequest } from '../../src/generation/completion.js'
import { GenerationError, type Generator } from '../../src/generation/index.js'
import { groundingOptionsSchema, groundRepository } from '../../src/grounding/index.js'
import type { RepositorySnapshot } from '../../src/records/index.js'
import { writeRepository } from '../support.js'

/** An answer of a scripted model: a text, a text that was cut, or an error that the client throws. */
export type ModelAnswer = string | { cut: string } | Error

interface Asked {
  request: CompletionRequest
  purpose: CallPurpose
}

export interface FakeModel {
  client: CompletionClient
  asked: Asked[]
  /** All text that was sent for a role, or for all roles. */
  sent(role?: string): string
}

/** A model that answers by a script and records what it was asked. */
export function fakeModel(answer: (asked: Asked, count: number) => ModelAnswer | Promise<ModelAnswer>): FakeModel {
  const asked: Asked[] = []
  const textOf = ({ request }: Asked): string => request.messages.map(({ content }) => content).join('\n')
  return {
    asked,
    sent: (role) =>
      asked
        .filter(({ purpose }) => role === undefined || purpose.role === role)
        .map(textOf)
        .join('\n'),
    client: {
      async complete(request, purpose) {
        asked.push({ request, purpose })
        const reply = await answer({ request, purpose }, asked.length)
        if (reply instanceof Error) throw reply
        const text = typeof reply === 'string' ? reply : reply.cut
        return {
          text,
          finishReason: typeof reply === 'string' ? 'stop' : 'length',
          usage: { promptTokens: 1, completionTokens: 1 },
          call: sha256Hex(JSON.stringify(request) + text),
        }
      },
      dispose: async () => {},
    },
  }
}

export const failure = (code: ConstructorParameters<typeof GenerationError>[0]): GenerationError =>
  new GenerationError(code, code)

export function agentsOver(model: FakeModel, options: Partial<Record<keyof AgentOptions, unknown>> = {}): Generator {
  return createAgents(model.client, agentOptionsSchema.parse(options), { model: 'fake', parameters: {}, seed: 7 })
}

export const ground = (files: Record<string, string>): Promise<RepositorySnapshot> =>
  groundRepository(writeRepository(files), groundingOptionsSchema.parse({}), memoryBlobStore())

/** Answers every role with what its prompt asks for. */
export function politeAnswer({ request, purpose }: Asked): string {
  const user = request.messages.at(-1)?.content ?? ''
  switch (purpose.role) {
    case 'main':
      return JSON.stringify({ requirements: 'A counter of words is needed.', approach: 'I begin with the words.' })
    case 'plan':
      return JSON.stringify({ files: [...user.matchAll(/^(\S+\.\w+)(?=:| |$)/gm)].map(([path]) => entry(path)) })
    case 'file-agent':
      return JSON.stringify({ read: [] })
    case 'drafter':
      return '```ts\nexport const attempt = 1\n```'
    default:
      return `I think about it, as draw ${request.seed}.`
  }
}

const entry = (path: string): { path: string; purpose: string } => ({ path, purpose: `holds ${path}` })
