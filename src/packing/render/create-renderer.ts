import { PackingError } from '../errors.js'
import { defaultMasks, type Masks } from '../masks.js'
import { llama3ChatRenderer } from './llama3-chat.js'
import { plainRenderer } from './plain.js'
import type { TurnRenderer } from './turn-renderer.js'

const renderers = {
  'llama3-chat': llama3ChatRenderer,
  plain: plainRenderer,
} satisfies Record<string, (masks: Masks) => TurnRenderer>

export type RendererName = keyof typeof renderers
export const rendererNames = Object.keys(renderers) as [RendererName, ...RendererName[]]

/**
 * The renderer of this name, with the given table of what is trained.
 *
 * @throws PackingError `RENDERER_UNKNOWN`
 */
export function createRenderer(name: RendererName, masks: Masks = defaultMasks): TurnRenderer {
  if (Object.hasOwn(renderers, name)) return renderers[name](masks)
  throw new PackingError(
    'RENDERER_UNKNOWN',
    `There is no renderer "${String(name)}". Choose one of: ${rendererNames.join(', ')}.`,
  )
}
