import { rotaryTables, type LlamaConfig, type TensorEntry } from '../../../model/index.js'
import { GraphBuilder, elementType } from './graph-builder.js'
import { GraphWeights } from './weights.js'

const { float32, int32, int64 } = elementType

/**
 * The graph from tokens to final hidden states.
 *
 * Shape legend: S tokens fed, C rows that the KV buffers hold, K key-value heads, H head size, D hidden size.
 * In: `tokens [1, S]`; `last_position [1]` and `total [ ]`, both counted over prefix and tokens; per layer
 * `past_key.i` and `past_value.i` `[1, K, C, H]`. Out: `hidden [1, S, D]` after the last norm, and per layer
 * `present_key.i`, `present_value.i`. Feed the same memory as past and present: the attention then writes the S new
 * rows in place and copies nothing.
 */
export function trunkGraph(config: LlamaConfig, tensors: ReadonlyMap<string, TensorEntry>): Uint8Array {
  const graph = new GraphBuilder('trunk')
  const weights = new GraphWeights(graph, tensors)
  const half = config.headSize / 2
  const { cos, sin } = rotaryTables(config.rope, config.headSize, config.contextLength)
  graph.constant('cos', float32, [config.contextLength, half], cos)
  graph.constant('sin', float32, [config.contextLength, half], sin)
  graph.input('tokens', int64, [1, 'S'])
  graph.input('last_position', int32, [1])
  graph.input('total', int32, [])

  // Only the rows that are looked up are cast: the table itself stays as it is stored.
  const embedded = graph.node('Gather', [weights.stored('model.embed_tokens.weight'), 'tokens'], ['embedded.stored'])
  let stream = weights.cast(embedded, 'embedded')
  for (let layer = 0; layer < config.layers; layer++) stream = addBlock(graph, weights, config, layer, stream)
  addNorm(graph, weights, config, 'model.norm', stream, 'hidden')
  graph.output('hidden', float32, [1, 'S', config.hiddenSize])
  for (let layer = 0; layer < config.layers; layer++) {
    const shape = [1, config.kvHeads, 'C', config.headSize]
    graph.output(`present_key.${layer}`, float32, shape)
    graph.output(`present_value.${layer}`, float32, shape)
  }
  return graph.finish()
}

/**
 * The graph from hidden states to log-probabilities. In: `hidden [n, D]`, `targets [n, 1]`; out: `log_probs [n, 1]`.
 * Logits never leave it.
 */
export function headGraph(config: LlamaConfig, tensors: ReadonlyMap<string, TensorEntry>): Uint8Array {
  const graph = new GraphBuilder('head')
  const weights = new GraphWeights(graph, tensors)
  graph.input('hidden', float32, ['n', config.hiddenSize])
  graph.input('targets', int64, ['n', 1])
  const matrix = weights.transposed(config.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight')
  graph.node('MatMul', ['hidden', matrix], ['logits'])
  graph.node('LogSoftmax', ['logits'], ['all_log_probs'], { axis: -1 })
  graph.node('GatherElements', ['all_log_probs', 'targets'], ['log_probs'], { axis: 1 })
  graph.output('log_probs', float32, ['n', 1])
  return graph.finish()
}

function addBlock(
  graph: GraphBuilder,
  weights: GraphWeights,
  config: LlamaConfig,
  layer: number,
  stream: string,
): string {
  const block = `model.layers.${layer}`
  const linear = (x: string, name: string): string =>
    graph.node('MatMul', [x, weights.transposed(`${block}.${name}.weight`)], [`${block}.${name}`])

  const x = addNorm(graph, weights, config, `${block}.input_layernorm`, stream)
  const attended = addAttention(graph, config, layer, [
    linear(x, 'self_attn.q_proj'),
    linear(x, 'self_attn.k_proj'),
    linear(x, 'self_attn.v_proj'),
  ])
  const middle = graph.node('Add', [stream, linear(attended, 'self_attn.o_proj')], [`${block}.attended`])

  const y = addNorm(graph, weights, config, `${block}.post_attention_layernorm`, middle)
  const gate = graph.node(
    'QuickGelu',
    [linear(y, 'mlp.gate_proj')],
    [`${block}.silu`],
    { alpha: { float: 1 } },
    'com.microsoft',
  )
  const gated = graph.node('Mul', [gate, linear(y, 'mlp.up_proj')], [`${block}.gated`])
  return graph.node('Add', [middle, linear(gated, 'mlp.down_proj')], [`${block}.out`])
}

function addAttention(
  graph: GraphBuilder,
  config: LlamaConfig,
  layer: number,
  projections: [string, string, string],
): string {
  const shape = [1, config.kvHeads, 'C', config.headSize]
  const pastKey = graph.input(`past_key.${layer}`, float32, shape)
  const pastValue = graph.input(`past_value.${layer}`, float32, shape)
  return graph.node(
    'GroupQueryAttention',
    [...projections, pastKey, pastValue, 'last_position', 'total', 'cos', 'sin'],
    [`model.layers.${layer}.attention`, `present_key.${layer}`, `present_value.${layer}`],
    { num_heads: config.heads, kv_num_heads: config.kvHeads, do_rotary: 1, scale: { float: config.headSize ** -0.5 } },
    'com.microsoft',
  )
}

function addNorm(
  graph: GraphBuilder,
  weights: GraphWeights,
  config: LlamaConfig,
  name: string,
  x: string,
  output = `${name}.out`,
): string {
  const scale = weights.float32(`${name}.weight`)
  return graph.node('RMSNormalization', [x, scale], [output], { axis: -1, epsilon: { float: config.normEpsilon } })
}
