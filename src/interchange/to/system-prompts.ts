import type { GeneratorInfo } from '../../records/index.js'

/** The system prompts of the main agent and of the file agents, `null` where no language model wrote. */
export function systemPrompts({ prompts }: GeneratorInfo): { main: string | null; file: string | null } {
  const promptOf = (role: string): string | null => prompts.find((prompt) => prompt.role === role)?.system ?? null
  return { main: promptOf('main'), file: promptOf('file-agent') }
}
