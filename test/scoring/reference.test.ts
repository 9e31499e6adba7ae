import { join } from 'node:path'
import { suite } from '../suite.js'
import { compareWithReference } from './reference.js'

const test = suite('reference')

const fixtures = join(process.env.RETRACE_ROOT ?? process.cwd(), 'test/scoring/fixtures')

test('log-probabilities equal those recorded from Transformers in double precision', async () => {
  await compareWithReference(join(fixtures, 'tiny-llama'))
})

test('so they do with the rotary scaling of Llama 3.1, tied embeddings and float16 weights', async () => {
  await compareWithReference(join(fixtures, 'tiny-llama3-rope'))
})

test.run()
