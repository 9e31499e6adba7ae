import { errorClass, type ErrorTable } from '../core/index.js'

export const renderingErrors = {
  RENDERER_UNKNOWN: { kind: 'run', meaning: 'There is no renderer of this name.' },
} as const satisfies ErrorTable

/** Errors of the room `rendering`: a renderer that does not exist. */
export class RenderingError extends errorClass(renderingErrors) {}
