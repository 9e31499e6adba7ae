import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { suite, type Test } from '../suite.js'
import { nativeFolder } from '../../src/scoring/backends/native/native-folders.js'

const root = process.env.RETRACE_ROOT ?? process.cwd()

export const tinyLlama = join(root, 'test/scoring/fixtures/tiny-llama')
export const tinyRopeLlama = join(root, 'test/scoring/fixtures/tiny-llama3-rope')
export const shippedModel = join(root, 'models/retrace-small')
/** What programs of the tests import. */
export const library = new URL('../../src/scoring/index.js', import.meta.url).href
export const addonPath = join(nativeFolder(), 'retrace.node')

/** Why the native engine cannot be tested here; `null` where it can. */
export const whyNoNative = existsSync(addonPath)
  ? null
  : `the native engine is not built (npm run build:native leaves it in ${nativeFolder()})`

/** A suite that, where there is a reason, says it aloud in the place of its tests. Call `run` of it. */
export function suiteUnless(reason: string | null, name: string, fill: (test: Test) => void): Test {
  const test = suite(name)
  if (reason === null) fill(test)
  else {
    process.stdout.write(`skipped: ${name}: ${reason}\n`)
    test.skip(name, () => {})
  }
  return test
}
