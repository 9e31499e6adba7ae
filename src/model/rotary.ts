import type { RopeConfig } from './model-config.js'

/** Cosines and sines of the rotary embedding, each `[positions, headSize / 2]`. */
interface RotaryTables {
  cos: Float32Array
  sin: Float32Array
}

/**
 * The tables for positions `[0, positions)`.
 *
 * Frequencies and angles are rounded to single precision before the cosine, as PyTorch does: at position 100,000 exact
 * angles would differ from those that the model was trained with by some 0.005 rad.
 */
export function rotaryTables(rope: RopeConfig, headSize: number, positions: number): RotaryTables {
  const half = headSize / 2
  const frequencies = Array.from({ length: half }, (_, i) => frequency(rope, i, headSize))
  const cos = new Float32Array(positions * half)
  const sin = new Float32Array(positions * half)
  for (let position = 0, at = 0; position < positions; position++) {
    for (const f of frequencies) {
      const angle = Math.fround(position * f)
      cos[at] = Math.cos(angle)
      sin[at++] = Math.sin(angle)
    }
  }
  return { cos, sin }
}

/** Radians per position of pair `i`. The scaling is Llama 3.1's: fast pairs stay, slow ones are slowed, smooth between. */
function frequency(rope: RopeConfig, i: number, headSize: number): number {
  const plain = Math.fround(1 / Math.fround(rope.theta ** Math.fround((2 * i) / headSize)))
  if (rope.scaling === null) return plain
  const { factor, lowFrequencyFactor, highFrequencyFactor, originalContext } = rope.scaling
  const turns = originalContext / ((2 * Math.PI) / plain)
  if (turns > highFrequencyFactor) return plain
  if (turns < lowFrequencyFactor) return Math.fround(plain / factor)
  const smooth = (turns - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor)
  return Math.fround(((1 - smooth) * plain) / factor + smooth * plain)
}
