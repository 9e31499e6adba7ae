import { existsSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { nativeFolder } from '../../src/scoring/backends/native/load-addon.js'
import { createScorer, type Branch } from '../../src/scoring/index.js'
import { assertClose } from './contract.js'
import { suiteUnless, tinyLlama, whyNoNative } from './native-support.js'

const library = join(nativeFolder(), 'libretrace_emulated.so')
const reason = whyNoNative ?? (existsSync(library) ? null : `${library} is not built (npm run build:native)`)

suiteUnless(reason, 'native on the emulated GPU', (test) => {
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
