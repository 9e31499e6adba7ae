import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { ModelError, readModelInfo } from '../../src/model/index.js'
import { createScorer, type ScorerOptions } from '../../src/scoring/index.js'
import { rejects } from './contract.js'
import { suiteUnless, tinyLlama, whyNoNative } from './native-support.js'

type Header = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>

/** The tiny model with its tensors dealt out to `count` files and an index, as large models come. */
function inShards(count: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'shards-'))
  cpSync(tinyLlama, folder, { recursive: true })
  const bytes = readFileSync(join(folder, 'model.safetensors'))
  rmSync(join(folder, 'model.safetensors'))
  const dataStart = 8 + Number(bytes.readBigUInt64LE())
  const header = JSON.parse(bytes.toString('utf8', 8, dataStart)) as Header
  const names = Object.keys(header).filter((name) => name !== '__metadata__')
  const weightMap: Record<string, string> = {}
  for (let shard = 0; shard < count; shard++) {
    const file = `model-${shard + 1}-of-${count}.safetensors`
    const own: Header = {}
    const parts: Buffer[] = []
    let end = 0
    for (const name of names.filter((_, i) => i % count === shard)) {
      const { data_offsets: at, ...rest } = header[name]!
      parts.push(bytes.subarray(dataStart + at[0], dataStart + at[1]))
      own[name] = { ...rest, data_offsets: [end, (end += at[1] - at[0])] }
      weightMap[name] = file
    }
    const text = JSON.stringify(own)
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(text.length))
    writeFileSync(join(folder, file), Buffer.concat([length, Buffer.from(text), ...parts]))
  }
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }))
  return folder
}

async function scoreWith(options: ScorerOptions): Promise<number[]> {
  const scorer = await createScorer(options)
  try {
    const prefix = await scorer.open(Uint32Array.from({ length: 90 }, (_, i) => i))
    const [score] = await scorer.score(prefix, [{ tokens: Uint32Array.of(5, 6, 7), scored: [{ start: 0, end: 3 }] }])
    return [...score!.logProbs]
  } finally {
    await scorer.dispose()
  }
}

suiteUnless(whyNoNative, 'native, a model in shards', (test) => {
  const native = { backend: 'native', device: 'cpu' } as const

  test('gives the bits of the model in one piece, under a digest of its own', async () => {
    const folder = inShards(3)
    assert.equal(await scoreWith({ ...native, modelDir: folder }), await scoreWith({ ...native, modelDir: tinyLlama }))
    const before = await readModelInfo(folder)
    assert.not.equal(before.digest, (await readModelInfo(tinyLlama)).digest)
    const shard = join(folder, 'model-2-of-3.safetensors')
    const bytes = readFileSync(shard)
    bytes[bytes.length - 1]! ^= 1
    writeFileSync(shard, bytes)
    assert.not.equal((await readModelInfo(folder)).digest, before.digest, 'a changed shard gives the same digest')
    rmSync(folder, { recursive: true })
  })

  test('is refused by its code where a shard is missing or the index leaves the folder', async () => {
    const folder = inShards(2)
    rmSync(join(folder, 'model-2-of-2.safetensors'))
    await rejects(createScorer({ ...native, modelDir: folder }), 'MODEL_MISSING_FILE', ModelError)
    for (const index of ['{', '{}', '{"weight_map": {"a": "../model.safetensors"}}', '{"weight_map": {"a": ".."}}']) {
      writeFileSync(join(folder, 'model.safetensors.index.json'), index)
      await rejects(createScorer({ ...native, modelDir: folder }), 'MODEL_INVALID', ModelError)
    }
    rmSync(folder, { recursive: true })
  })

  test('is refused by the onnx backend, which says what to use', async () => {
    const folder = inShards(2)
    const error = await rejects(createScorer({ backend: 'onnx', modelDir: folder }), 'MODEL_UNSUPPORTED')
    assert.match(error.message, /backend "native"/)
    rmSync(folder, { recursive: true })
  })
}).run()
