import type { InferenceSession, Tensor } from 'onnxruntime-node'
import type { LlamaConfig, ModelFiles } from '../../../model/index.js'
import { headGraph, trunkGraph } from './llama-graph.js'
import type { KvBuffer } from './kv-buffer.js'
import type { OnnxRuntime } from './load-onnxruntime.js'

/** Most memory for the logits of one run of the head, in bytes. */
const maxLogitsBytes = 1 << 26

/** Runs the two graphs. It blocks the thread while it computes, so it needs a process of its own. */
export class LlamaRunner {
  readonly #runtime: OnnxRuntime
  readonly #config: LlamaConfig
  readonly #trunk: InferenceSession
  readonly #head: InferenceSession

  private constructor(runtime: OnnxRuntime, config: LlamaConfig, trunk: InferenceSession, head: InferenceSession) {
    this.#runtime = runtime
    this.#config = config
    this.#trunk = trunk
    this.#head = head
  }

  static async load(
    runtime: OnnxRuntime,
    modelDir: string,
    { config, tensors }: ModelFiles,
    threads: number,
  ): Promise<LlamaRunner> {
    const options: InferenceSession.SessionOptions = {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      // Patterns are kept by shape, and hardly two runs have the same.
      enableMemPattern: false,
      logSeverityLevel: 3,
      extra: { session: { model_external_initializers_file_folder_path: modelDir } },
    }
    const trunk = await runtime.InferenceSession.create(trunkGraph(config, tensors), options)
    const head = await runtime.InferenceSession.create(headGraph(config, tensors), options)
    return new LlamaRunner(runtime, config, trunk, head)
  }

  /**
   * Feeds tokens behind the first `past` positions of the buffer and writes their keys and values there.
   *
   * @returns the final hidden states `[tokens, hiddenSize]`
   */
  async feed(buffer: KvBuffer, tokens: Uint32Array, past: number): Promise<Float32Array> {
    const { Tensor } = this.#runtime
    const total = past + tokens.length
    const feeds: Record<string, Tensor> = {
      tokens: new Tensor('int64', BigInt64Array.from(tokens, BigInt), [1, tokens.length]),
      last_position: new Tensor('int32', Int32Array.of(total - 1), [1]),
      total: new Tensor('int32', Int32Array.of(total), []),
    }
    const fetches: Record<string, Tensor | null> = { hidden: null }
    const shape = [1, this.#config.kvHeads, buffer.capacity, this.#config.headSize]
    buffer.layers.forEach(({ key, value }, layer) => {
      // One memory as input and output: the new rows are written in place.
      fetches[`present_key.${layer}`] = feeds[`past_key.${layer}`] = new Tensor('float32', key, shape)
      fetches[`present_value.${layer}`] = feeds[`past_value.${layer}`] = new Tensor('float32', value, shape)
    })
    const results = await this.#trunk.run(feeds, fetches)
    return (results['hidden'] as Tensor).data as Float32Array
  }

  /**
   * Log-probability of each target under the hidden state of the token before it.
   *
   * @param hidden `[targets, hiddenSize]`
   */
  async logProbs(hidden: Float32Array, targets: Uint32Array): Promise<Float32Array> {
    const { Tensor } = this.#runtime
    const { hiddenSize, vocabularySize } = this.#config
    const rowsPerRun = Math.max(1, Math.floor(maxLogitsBytes / (vocabularySize * Float32Array.BYTES_PER_ELEMENT)))
    const result = new Float32Array(targets.length)
    for (let start = 0; start < targets.length; start += rowsPerRun) {
      const rows = Math.min(rowsPerRun, targets.length - start)
      const slice = hidden.subarray(start * hiddenSize, (start + rows) * hiddenSize)
      const wanted = BigInt64Array.from(targets.subarray(start, start + rows), BigInt)
      const results = await this.#head.run({
        hidden: new Tensor('float32', slice, [rows, hiddenSize]),
        targets: new Tensor('int64', wanted, [rows, 1]),
      })
      result.set((results['log_probs'] as Tensor).data as Float32Array, start)
    }
    return result
  }
}
