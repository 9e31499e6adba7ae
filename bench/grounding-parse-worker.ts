// Side A of bench/grounding.ts: reads, decodes and parses, nothing else.
import { readFileSync } from 'node:fs'
import { workerTask } from '../src/core/index.js'
import { withTree } from '../src/grounding/parsing/parser.js'

export interface BareFile {
  path: string
  /** `null` for a file without a grammar: it is read and decoded. */
  grammar: string | null
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export default workerTask(async (batch: readonly BareFile[]): Promise<number> => {
  let characters = 0
  for (const { path, grammar } of batch) {
    const text = decoder.decode(readFileSync(path))
    characters += text.length
    if (grammar !== null) await withTree(grammar, text, () => null)
  }
  return characters
})
