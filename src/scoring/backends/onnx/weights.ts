import { ScoringError } from '../../errors.js'
import { weightsFile, type TensorEntry } from '../../../model/index.js'
import { elementType, type GraphBuilder } from './graph-builder.js'

const elementTypeOf = { F32: elementType.float32, F16: elementType.float16, BF16: elementType.bfloat16 } as const

/** Puts the weights of a safetensors file into a graph; they stay in the file and are computed with in float32. */
export class GraphWeights {
  readonly #graph: GraphBuilder
  readonly #tensors: ReadonlyMap<string, TensorEntry>

  constructor(graph: GraphBuilder, tensors: ReadonlyMap<string, TensorEntry>) {
    this.#graph = graph
    this.#tensors = tensors
  }

  /** The weight as it is stored. */
  stored(name: string): string {
    const { dtype, shape, start, end } = this.#entry(name)
    const type = elementTypeOf[dtype as keyof typeof elementTypeOf]
    return this.#graph.external(`${name}.stored`, type, shape, { location: weightsFile, start, end })
  }

  /** The weight in float32; the cast is done once, at load. */
  float32(name: string): string {
    return this.cast(this.stored(name), name)
  }

  /** The transposed weight in float32 `[in, out]`, ready for `x W^T`; done once, at load. */
  transposed(name: string): string {
    return this.#graph.node('Transpose', [this.float32(name)], [`${name}.transposed`], { perm: [1, 0] })
  }

  cast(value: string, to: string): string {
    return this.#graph.node('Cast', [value], [to], { to: elementType.float32 })
  }

  #entry(name: string): TensorEntry {
    const entry = this.#tensors.get(name)
    if (entry === undefined) throw new ScoringError('MODEL_INVALID', `${weightsFile} has no tensor ${name}.`, { name })
    return entry
  }
}
