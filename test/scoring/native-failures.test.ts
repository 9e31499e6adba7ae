import { copyFileSync, existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { NativeAddon, PrefixHandle, ScorerHandle } from '../../src/scoring/backends/native/addon-types.js'
import { loadAddon } from '../../src/scoring/backends/native/load-addon.js'
import { nativeFolder } from '../../src/scoring/backends/native/native-folders.js'
import { reviveNativeError } from '../../src/scoring/backends/native/native-error.js'
import { addonPath, suiteUnless, tinyLlama, whyNoNative } from './native-support.js'

// The addon beside a device that is the CPU reference under CUDA's name, and fails where it is told to.
const library = join(nativeFolder(), 'tests', 'failing', 'libretrace_cuda.so')
const reason = whyNoNative ?? (existsSync(library) ? null : `${library} is not built (npm run build:native)`)

const [callFailed, isLost, outOfMemory] = [3, 4, 2]
/** The device's call after that many others fails with the status. */
const failAfter = (calls: number, status: number): void => {
  process.env.RETRACE_FAIL_AFTER = `${calls} ${status}`
}
const failNoMore = (): void => {
  delete process.env.RETRACE_FAIL_AFTER
}
const numbers = (count: number): Uint32Array => Uint32Array.from({ length: count }, (_, i) => (i * 7) % 512)
const failureOf = async (work: Promise<unknown>): Promise<ReturnType<typeof reviveNativeError>> => {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  assert.ok(error !== null, 'it did not fail')
  return reviveNativeError(error)
}

suiteUnless(reason, 'native, a device that fails', (test) => {
  let addon: NativeAddon
  const load = (): Promise<ScorerHandle> => addon.load({ modelDir: tinyLlama, device: 'cuda', cacheBytes: 4 << 20 })
  const score = async (scorer: ScorerHandle, prefix: PrefixHandle): Promise<string> => {
    const [count, ranges, range] = [Uint32Array.of(20), Uint32Array.of(1), Uint32Array.of(0, 20)]
    return (await addon.score(scorer, prefix, numbers(20), count, ranges, range).promise).join()
  }

  test.before(() => {
    const folder = mkdtempSync(join(tmpdir(), 'failing-'))
    copyFileSync(addonPath, join(folder, 'retrace.node'))
    copyFileSync(library, join(folder, 'libretrace_cuda.so'))
    addon = loadAddon(folder)
  })
  test.after.each(failNoMore)

  test('a call that fails is rejected with its place, and the next one gives the same bits', async () => {
    const scorer = await load()
    const prefix = await addon.open(scorer, numbers(50)).promise
    const expected = await score(scorer, prefix)
    for (const calls of [0, 3, 9, 17]) {
      await addon.dropUnpinned(scorer).promise
      failAfter(calls, callFailed)
      const error = await failureOf(score(scorer, prefix))
      failNoMore()
      assert.is(error.code, 'DEVICE_FAILED')
      assert.equal(error.details, { file: 'failing_device.cc', line: 42, nativeStatus: 700 })
      await addon.audit(scorer).promise
      assert.is(await score(scorer, prefix), expected)
    }
    await addon.dispose(scorer)
  })

  test('a lost device fails what waits and what comes, is disposed of by all its users, and a new engine works', async () => {
    const [first, second] = [await load(), await load()]
    const prefix = await addon.open(first, numbers(50)).promise
    const expected = await score(first, prefix)
    await addon.dropUnpinned(first).promise
    failAfter(5, isLost)
    const waiting = [score(first, prefix), score(first, prefix), addon.describe(second).promise]
    for (const error of await Promise.all(waiting.map(failureOf))) assert.is(error.code, 'DEVICE_LOST')
    failNoMore()
    assert.is((await failureOf(score(first, prefix))).code, 'DEVICE_LOST')

    const next = await load()
    assert.is(await score(next, await addon.open(next, numbers(50)).promise), expected)
    addon.close(prefix)
    for (const scorer of [first, second, next]) await addon.dispose(scorer)
  })

  test('a device that fails while a model is loaded rejects by its code, and loading again works', async () => {
    for (const [status, code] of [
      [callFailed, 'DEVICE_FAILED'],
      [isLost, 'DEVICE_LOST'],
      [outOfMemory, 'OUT_OF_MEMORY'],
    ] as const) {
      failAfter(9, status)
      assert.is((await failureOf(load())).code, code)
      failNoMore()
      await addon.dispose(await load())
    }
  })
}).run()
