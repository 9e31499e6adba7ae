import type { MakeTurnFormat } from '../turn-format.js'
import { llama3Chat } from './llama3-chat.js'
import { plain } from './plain.js'

/** Every renderer. The keys are the values of `packing.renderer`. */
export const turnFormats = {
  'llama3-chat': llama3Chat,
  plain,
} satisfies Record<string, MakeTurnFormat>

export type RendererName = keyof typeof turnFormats
export const rendererNames = Object.keys(turnFormats) as [RendererName, ...RendererName[]]
