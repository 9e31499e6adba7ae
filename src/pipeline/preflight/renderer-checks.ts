import type { Renderer } from '../../rendering/index.js'
import { TokenizerError, type Tokenizer } from '../../tokenizer/index.js'

/** @throws TokenizerError `UNKNOWN_SPECIAL` where the tokenizer lacks a special token of the renderer */
export function checkRenderer(renderer: Renderer, tokenizer: Tokenizer, modelDir: string): string {
  const needed = renderer.specialTokens
  const missing = needed.filter((name) => !tokenizer.specials.includes(name))
  if (missing.length === 0) return `the tokenizer has its special tokens: ${needed.join(' ')}`
  const has = tokenizer.specials.slice(0, 20).join(' ') || 'none'
  const message = `The renderer ${renderer.name} needs the special tokens ${missing.join(' ')}, which the tokenizer of ${modelDir} lacks. It has: ${has}. Choose another packing.renderer, or a model with these tokens.`
  throw new TokenizerError('UNKNOWN_SPECIAL', message, { missing, specials: tokenizer.specials })
}
