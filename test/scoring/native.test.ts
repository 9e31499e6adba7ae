import { createScorer } from '../../src/scoring/index.js'
import { scorerContract } from './contract.js'
import { suiteUnless, tinyLlama, whyNoNative } from './native-support.js'

for (const threads of [1, 2]) {
  suiteUnless(whyNoNative, `native on the CPU, float32, threads: ${threads}`, (test) =>
    scorerContract(test, () => createScorer({ backend: 'native', device: 'cpu', modelDir: tinyLlama, threads })),
  ).run()
}
suiteUnless(whyNoNative, 'native on the CPU, rounding to bfloat16', (test) =>
  scorerContract(test, () =>
    createScorer({ backend: 'native', device: 'cpu', modelDir: tinyLlama, precision: 'bfloat16' }),
  ),
).run()
