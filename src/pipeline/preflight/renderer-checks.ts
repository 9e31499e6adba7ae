import type { Step, Trajectory } from '../../records/index.js'
import type { Renderer, Segment } from '../../rendering/index.js'
import { TokenizerError, type Tokenizer } from '../../tokenizer/index.js'

const span = { blob: '0'.repeat(64), start: 0, end: 1 }
const thought = { text: 'A thought.', facts: [] }
/** One step of each form. */
const steps: Step[] = [
  { thought, action: { tool: 'Write', path: 'a', content: span }, observation: null },
  { thought: null, action: { tool: 'Read', path: 'a', start: 0, end: 1, startLine: 1 }, observation: span },
]
const trajectory: Trajectory = {
  schemaVersion: 2,
  id: 'sample',
  name: 'sample',
  domain: 'sample',
  snapshot: span.blob,
  generator: { kind: '', version: '', model: '', parameters: {}, prompts: [] },
  tools: [],
  requirements: 'Requirements.',
  plan: {
    approach: 'An approach.',
    files: [{ path: 'a', purpose: 'A purpose.' }],
    repairs: { askedAgain: 0, added: [], dropped: [], moved: [] },
    calls: [],
  },
  episodes: [{ path: 'a', steps }],
}

/** Names of the special tokens that a renderer places, found by rendering a small trajectory. */
function specialTokensOf(renderer: Renderer): string[] {
  const segments: Segment[] = [...renderer.header(trajectory), ...renderer.end()]
  for (const step of steps) {
    const { open, thought: words, action, content, close } = renderer.step(step, () => 'x')
    segments.push(...open, ...words, ...action, ...content, ...close)
  }
  return [...new Set(segments.filter(({ special }) => special).map(({ text }) => text))]
}

/** @throws TokenizerError `UNKNOWN_SPECIAL` where the tokenizer lacks a special token of the renderer */
export function checkRenderer(renderer: Renderer, tokenizer: Tokenizer, modelDir: string): string {
  const needed = specialTokensOf(renderer)
  const missing = needed.filter((name) => !tokenizer.specials.includes(name))
  if (missing.length === 0) return `the tokenizer has its special tokens: ${needed.join(' ')}`
  const has = tokenizer.specials.slice(0, 20).join(' ') || 'none'
  const message = `The renderer ${renderer.name} needs the special tokens ${missing.join(' ')}, which the tokenizer of ${modelDir} lacks. It has: ${has}. Choose another packing.renderer, or a model with these tokens.`
  throw new TokenizerError('UNKNOWN_SPECIAL', message, { missing, specials: tokenizer.specials })
}
