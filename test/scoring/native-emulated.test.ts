import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { nativeFolder } from '../../src/scoring/backends/native/native-folders.js'
import { createScorer, type Branch } from '../../src/scoring/index.js'
import { assertClose } from './contract.js'
import { addonPath, library as retrace, suiteUnless, tinyLlama, whyNoNative } from './native-support.js'

const library = join(nativeFolder(), 'libretrace_emulated.so')
const reason = whyNoNative ?? (existsSync(library) ? null : `${library} is not built (npm run build:native)`)

/** A model of one layer with heads of 48, which the CPU knows and the GPU's kernels do not. */
function modelWithOddHeads(): string {
  const folder = mkdtempSync(join(tmpdir(), 'odd-heads-'))
  const config = {
    model_type: 'llama',
    hidden_size: 96,
    intermediate_size: 64,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    vocab_size: 512,
    max_position_embeddings: 256,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
  }
  const layer = 'model.layers.0'
  const square = ['q', 'k', 'v', 'o'].map((name) => [`${layer}.self_attn.${name}_proj.weight`, [96, 96]] as const)
  const shapes: (readonly [name: string, shape: readonly number[]])[] = [
    ['model.embed_tokens.weight', [512, 96]],
    ['model.norm.weight', [96]],
    [`${layer}.input_layernorm.weight`, [96]],
    [`${layer}.post_attention_layernorm.weight`, [96]],
    ...square,
    [`${layer}.mlp.gate_proj.weight`, [64, 96]],
    [`${layer}.mlp.up_proj.weight`, [64, 96]],
    [`${layer}.mlp.down_proj.weight`, [96, 64]],
  ]
  let end = 0
  const entries = shapes.map(([name, shape]) => {
    const start = end
    end += 4 * shape.reduce((product, size) => product * size, 1)
    return [name, { dtype: 'F32', shape, data_offsets: [start, end] }]
  })
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  const weights = Float32Array.from({ length: end / 4 }, (_, i) => Math.sin(i) / 10)
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  writeFileSync(join(folder, 'model.safetensors'), Buffer.concat([length, header, Buffer.from(weights.buffer)]))
  copyFileSync(join(tinyLlama, 'tokenizer.json'), join(folder, 'tokenizer.json'))
  return folder
}

/** What a scorer for `auto` says of its device, in a process that finds the emulated GPU in the place of a real one. */
function deviceOfAuto(modelDir: string): { device: string; deviceReason: string } {
  const folder = mkdtempSync(join(tmpdir(), 'with-gpu-'))
  copyFileSync(addonPath, join(folder, 'retrace.node'))
  copyFileSync(library, join(folder, 'libretrace_cuda.so'))
  const program = `
    import { createScorer } from ${JSON.stringify(retrace)}
    const modelDir = ${JSON.stringify(modelDir)}
    const scorer = await createScorer({ backend: 'native', device: 'auto', modelDir, cacheMiB: 4 })
    const prefix = await scorer.open(Uint32Array.of(1, 2, 3))
    const [score] = await scorer.score(prefix, [{ tokens: Uint32Array.of(4), scored: [{ start: 0, end: 1 }] }])
    if (!(score.logProbs[0] < 0)) throw new Error('no score')
    console.log(JSON.stringify(scorer.model))
    await scorer.dispose()`
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    env: { ...process.env, RETRACE_NATIVE_DIR: folder },
  })
  assert.is(child.status, 0, child.stderr)
  return JSON.parse(child.stdout) as { device: string; deviceReason: string }
}

suiteUnless(reason, 'native on the emulated GPU', (test) => {
  test('auto takes the GPU where there is a usable one, and says so', () => {
    const { device, deviceReason } = deviceOfAuto(tinyLlama)
    assert.ok(device.startsWith('native emulated: '), device)
    assert.is(deviceReason, 'a usable GPU was found')
  })

  test("auto takes the CPU where the GPU's kernels do not know the model's shape, and says why", () => {
    const { device, deviceReason } = deviceOfAuto(modelWithOddHeads())
    assert.ok(device.startsWith('native cpu: '), device)
    assert.match(deviceReason, /kernels do not fit: .*48/)
  })

  test("CUDA's own sources give what the CPU reference gives when it rounds where they do", async () => {
    const branches: Branch[] = [
      { tokens: Uint32Array.of(3, 4, 5, 6), scored: [{ start: 0, end: 4 }] },
      { tokens: Uint32Array.of(3, 9, 1), scored: [{ start: 1, end: 3 }] },
    ]
    const score = async (device: 'cpu' | 'emulated'): Promise<number[][]> => {
      const options = { modelDir: tinyLlama, device, precision: 'bfloat16', cacheMiB: 4 } as const
      const scorer = await createScorer({ ...options, backend: 'native' })
      assert.ok(scorer.model.device.startsWith(`native ${device}: `), scorer.model.device)
      assert.is(scorer.model.dtype, 'bfloat16')
      const prefix = await scorer.open(Uint32Array.from({ length: 20 }, (_, i) => i))
      const scores = await scorer.score(prefix, branches)
      await scorer.dispose()
      return scores.map(({ logProbs }) => [...logProbs])
    }
    const [cpu, emulated] = [await score('cpu'), await score('emulated')]
    // A sum that lies between two bfloat16 numbers may round to the one or the other: 2^-8 of logits of a size near 4.
    cpu.forEach((logProbs, i) => assertClose(emulated[i]!, logProbs, 2 ** -6))
  })
}).run()
