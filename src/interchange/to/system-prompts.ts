import type { GeneratorInfo } from '../../records/index.js'

/** The system prompts of the main agent and of the file agents, where a language model wrote; `prompts` has all of them. */
export function systemPrompts({ prompts }: GeneratorInfo): { main: string | null; file: string | null } {
  const of = (role: string): string | null => prompts.find((prompt) => prompt.role === role)?.system ?? null
  return { main: of('main'), file: of('file-agent') }
}
