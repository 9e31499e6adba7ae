// Turns trajectories, conversations and bare code into segments: text with its origin, trained or not. The search scores
// and packing writes the ids of the same segments. Record in: Trajectory, Conversation (turn by turn). Out: Segment.
// To add a renderer: one file in renderers/ with its special tokens and turns, and a line in renderers/table.ts.
// What is trained: masks.ts. What a document says, whoever renders it: parts.ts.
export { codeFileSegments } from './code-files.js'
export { documentTokens } from './document-tokens.js'
export { RenderingError, renderingErrors } from './errors.js'
export { headerParts, type HeaderParts } from './header-parts.js'
export { defaultMasks, masksSchema } from './masks.js'
export { callParts, isActing, planParts } from './parts.js'
export { createRenderer, type Renderer } from './renderer.js'
export { rendererNames, type RendererName } from './renderers/table.js'
export { flatStep, type RenderedStep, type Segment } from './segment.js'
