import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { ModelError, readModelInfo } from '../../src/model/index.js'
import { createScorer, ScoringError } from '../../src/scoring/index.js'
import { rejects } from '../scoring/contract.js'

const test = suite('broken models')

const fixture = join(process.env.RETRACE_ROOT ?? process.cwd(), 'test/scoring/fixtures/tiny-llama')
type Json = Record<string, unknown>
type Header = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>

function changedCopy(change: (folder: string) => void): string {
  const folder = mkdtempSync(join(tmpdir(), 'model-'))
  cpSync(fixture, folder, { recursive: true })
  change(folder)
  return folder
}

/** Rewrites the header; the data behind it stays, at its new place. */
function withHeader(folder: string, change: (header: Header) => void): void {
  const path = join(folder, 'model.safetensors')
  const { header, data } = readTensors(path)
  change(header)
  writeTensors(path, JSON.stringify(header), data)
}

function readTensors(path: string): { header: Header; data: Buffer } {
  const bytes = readFileSync(path)
  const dataStart = 8 + Number(bytes.readBigUInt64LE())
  return { header: JSON.parse(bytes.toString('utf8', 8, dataStart)) as Header, data: bytes.subarray(dataStart) }
}

function writeTensors(path: string, header: string, data: Uint8Array): void {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)))
  writeFileSync(path, Buffer.concat([length, Buffer.from(header), data]))
}

function withConfig(folder: string, change: Json): void {
  const path = join(folder, 'config.json')
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as Json), ...change }))
}

const weights = (folder: string): string => join(folder, 'model.safetensors')
const q0 = 'model.layers.0.self_attn.q_proj.weight'
const half = 'model.layers.1.mlp.up_proj.weight'

const cases: [what: string, change: (folder: string) => void, code: string, says: RegExp][] = [
  ['no config', (f) => rmSync(join(f, 'config.json')), 'MODEL_MISSING_FILE', /config\.json/],
  ['no tokenizer', (f) => rmSync(join(f, 'tokenizer.json')), 'MODEL_MISSING_FILE', /tokenizer\.json/],
  ['no weights', (f) => rmSync(weights(f)), 'MODEL_MISSING_FILE', /model\.safetensors/],
  ['a config that is not JSON', (f) => writeFileSync(join(f, 'config.json'), '{'), 'MODEL_INVALID', /not JSON/],
  ['a config without a key', (f) => withConfig(f, { hidden_size: undefined }), 'MODEL_INVALID', /hidden_size/],
  ['more layers than can be', (f) => withConfig(f, { num_hidden_layers: 1e11 }), 'MODEL_INVALID', /num_hidden_layers/],
  ['heads that do not divide', (f) => withConfig(f, { num_key_value_heads: 3 }), 'MODEL_INVALID', /no multiple/],
  ['weights cut by one byte', (f) => truncateSync(weights(f), 393_119), 'MODEL_INVALID', /cut off/],
  ['weights cut in the header', (f) => truncateSync(weights(f), 100), 'MODEL_INVALID', /the file has 100/],
  ['weights cut in the length', (f) => truncateSync(weights(f), 5), 'MODEL_INVALID', /cut off at 5 bytes/],
  ['no bytes of weights', (f) => truncateSync(weights(f), 0), 'MODEL_INVALID', /cut off at 0 bytes/],
  ['a random file of weights', (f) => writeFileSync(weights(f), Buffer.alloc(5000, 0xa7)), 'MODEL_INVALID', /header/],
  ['a header that is not JSON', (f) => writeTensors(weights(f), '{"a', new Uint8Array(9)), 'MODEL_INVALID', /not JSON/],
  ['a header that is a list', (f) => writeTensors(weights(f), '[]', new Uint8Array(0)), 'MODEL_INVALID', /no object/],
  [
    'an unknown dtype',
    (f) => withHeader(f, (header) => (header[q0]!.dtype = 'Q4')),
    'MODEL_INVALID',
    /unknown dtype Q4/,
  ],
  [
    'a shape that does not fit its bytes',
    (f) => withHeader(f, (header) => header[q0]!.shape.push(2)),
    'MODEL_INVALID',
    /takes 16384 bytes, and has 8192/,
  ],
  [
    'tensors that overlap',
    (f) => withHeader(f, (header) => (header[q0]!.data_offsets = [...header[half]!.data_offsets])),
    'MODEL_INVALID',
    /bytes, and has|overlaps|gap/,
  ],
  [
    'tensors that overlap in the same size',
    (f) =>
      withHeader(f, (header) => {
        const other = header['model.layers.1.self_attn.q_proj.weight']!
        header[q0]!.data_offsets = [...other.data_offsets]
      }),
    'MODEL_INVALID',
    /overlaps|gap/,
  ],
  [
    'a missing tensor',
    (f) =>
      withHeader(f, (header) => {
        header['other'] = header[q0]!
        delete header[q0]
      }),
    'MODEL_INVALID',
    /no tensor model\.layers\.0\.self_attn\.q_proj\.weight/,
  ],
  [
    'a tensor in another shape',
    (f) => withHeader(f, (header) => header[half]!.shape.reverse()),
    'MODEL_INVALID',
    /shape \[64, 160\], expected \[160, 64\]/,
  ],
  ['another vocabulary', (f) => withConfig(f, { vocab_size: 500 }), 'MODEL_INVALID', /expected \[500, 64\]/],
  [
    'whole numbers as weights',
    (f) => withHeader(f, (header) => (header[q0]!.dtype = 'I16')),
    'MODEL_UNSUPPORTED',
    /is I16/,
  ],
  ['another architecture', (f) => withConfig(f, { model_type: 'qwen2' }), 'MODEL_UNSUPPORTED', /"qwen2"/],
  ['another activation', (f) => withConfig(f, { hidden_act: 'gelu' }), 'MODEL_UNSUPPORTED', /hidden_act is "gelu"/],
  ['biases in the attention', (f) => withConfig(f, { attention_bias: true }), 'MODEL_UNSUPPORTED', /attention_bias/],
  [
    'another rope',
    (f) => withConfig(f, { rope_parameters: { rope_type: 'yarn', rope_theta: 1e4 } }),
    'MODEL_UNSUPPORTED',
    /rope type is "yarn"/,
  ],
  [
    'half of the llama3 rope',
    (f) => withConfig(f, { rope_parameters: { rope_type: 'llama3', rope_theta: 1e4, factor: 8 } }),
    'MODEL_INVALID',
    /not complete/,
  ],
  ['heads of an odd size', (f) => withConfig(f, { head_dim: 24 }), 'MODEL_UNSUPPORTED', /head size is 24/],
  ['quantized weights', (f) => withConfig(f, { quantization_config: {} }), 'MODEL_UNSUPPORTED', /quantized/],
  ['a NaN among its weights', (f) => setWord(f, half, 0x7fc0), 'NOT_FINITE', /model\.layers\.1\.mlp\.up_proj/],
  ['an infinity among its weights', (f) => setWord(f, q0, 0xff80), 'NOT_FINITE', /self_attn\.q_proj/],
]

/** Puts one bfloat16 number into the middle of a tensor. */
function setWord(folder: string, name: string, word: number): void {
  const { header, data } = readTensors(weights(folder))
  const [start, end] = header[name]!.data_offsets
  data.writeUInt16LE(word, (start + end) / 2)
  writeTensors(weights(folder), JSON.stringify(header), data)
}

for (const [what, change, code, says] of cases) {
  test(`a model with ${what} is refused by its code and says what is wrong`, async () => {
    const folder = changedCopy(change)
    // What stands in the files is found here, and weights that are no numbers by the process that loads them.
    const type = code === 'NOT_FINITE' ? ScoringError : ModelError
    const error = await rejects(createScorer({ backend: 'onnx', modelDir: folder }), code, type)
    assert.match(error.message, says)
    rmSync(folder, { recursive: true })
  })
}

test('a folder that does not exist is refused by its code', async () => {
  await rejects(createScorer({ backend: 'onnx', modelDir: '/nowhere/at/all' }), 'MODEL_MISSING_FILE', ModelError)
})

test('weights whose sums overflow give an error and no number', async () => {
  const folder = changedCopy((f) => {
    const { header, data } = readTensors(weights(f))
    const [start, end] = header[q0]!.data_offsets
    // 2^127 in bfloat16: finite one by one, not in their sums.
    for (let at = start; at < end; at += 2) data.writeUInt16LE(0x7f00, at)
    for (const layer of [0, 1, 2]) {
      const [first, last] = header[`model.layers.${layer}.mlp.down_proj.weight`]!.data_offsets
      for (let at = first; at < last; at += 2) data.writeUInt16LE(0x7f00, at)
    }
    writeTensors(weights(f), JSON.stringify(header), data)
  })
  const scorer = await createScorer({ backend: 'onnx', modelDir: folder })
  try {
    await rejects(scorer.open(Uint32Array.of(1, 2, 3)), 'NOT_FINITE')
    await rejects(scorer.open(Uint32Array.of(4, 5)), 'NOT_FINITE')
  } finally {
    await scorer.dispose()
    rmSync(folder, { recursive: true })
  }
})

test('the digest of a model changes with each of its files', async () => {
  const digests = [await readModelInfo(fixture)]
  for (const name of ['config.json', 'tokenizer.json']) {
    const folder = changedCopy((f) => writeFileSync(join(f, name), readFileSync(join(f, name), 'utf8') + ' '))
    digests.push(await readModelInfo(folder))
  }
  digests.push(await readModelInfo(changedCopy((f) => setWord(f, q0, 1))))
  assert.is(new Set(digests.map(({ digest }) => digest)).size, 4)
})

test('a wrong option is refused with its name', async () => {
  try {
    await createScorer({ modelDir: fixture, thread: 2 } as never)
    assert.unreachable()
  } catch (error) {
    assert.is((error as { code: string }).code, 'CONFIG_INVALID')
    assert.match((error as Error).message, /thread/)
  }
})

test.run()
