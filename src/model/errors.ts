import { errorClass, type ErrorTable } from '../core/index.js'

export const modelErrors = {
  MODEL_MISSING_FILE: { kind: 'usage', meaning: 'The model folder lacks a file that is needed.' },
  MODEL_INVALID: { kind: 'run', meaning: 'A file of the model is damaged, or its tensors do not fit its config.' },
  MODEL_UNSUPPORTED: { kind: 'run', meaning: 'The model has a shape or a type that is not supported.' },
  NOT_FINITE: { kind: 'unit', meaning: 'The weights hold NaN or infinity.' },
} as const satisfies ErrorTable

/** Errors of the room `model`: what is wrong with the files of a model. */
export class ModelError extends errorClass(modelErrors) {}
