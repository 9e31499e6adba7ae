import { closeSync, openSync, readSync } from 'node:fs'
import { ModelError } from './errors.js'
import type { TensorEntry } from './safetensors.js'

const chunkBytes = 1 << 22

/** The bits that are all set in NaN and in the infinities, by dtype. */
const exponentBits = { F32: 0x7f800000, F16: 0x7c00, BF16: 0x7f80 } as const

/**
 * Searches all weights for NaN and infinities. Checking the results alone is not enough: the softmax of the attention can
 * turn a NaN into a plausible number.
 *
 * @throws ModelError `NOT_FINITE` with the tensor's name
 */
export function checkWeightsAreFinite(path: string, tensors: Iterable<TensorEntry>): void {
  const file = openSync(path, 'r')
  try {
    const buffer = new ArrayBuffer(chunkBytes)
    for (const tensor of tensors) {
      const mask = exponentBits[tensor.dtype as keyof typeof exponentBits]
      if (mask === undefined) continue
      for (let at = tensor.start; at < tensor.end; at += chunkBytes) {
        const length = Math.min(chunkBytes, tensor.end - at)
        readSync(file, new Uint8Array(buffer, 0, length), 0, length, at)
        const words =
          tensor.dtype === 'F32' ? new Uint32Array(buffer, 0, length / 4) : new Uint16Array(buffer, 0, length / 2)
        if (hasAllBits(words, mask)) throw notFinite(path, tensor.name)
      }
    }
  } finally {
    closeSync(file)
  }
}

function hasAllBits(words: Uint32Array | Uint16Array, mask: number): boolean {
  for (let i = 0; i < words.length; i++) if (((words[i] as number) & mask) === mask) return true
  return false
}

function notFinite(path: string, name: string): ModelError {
  return new ModelError(
    'NOT_FINITE',
    `${path} holds NaN or infinity in tensor ${name}: no score from it would be a number. Use another checkpoint.`,
    { path, name },
  )
}
