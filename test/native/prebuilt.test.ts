import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { library, suiteUnless, tinyLlama } from '../scoring/native-support.js'

// The addon that the package brings with it, where `scripts/prebuild.mjs` has made it.
const root = process.env.RETRACE_ROOT ?? process.cwd()
const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`)
const addon = join(folder, 'retrace.node')
const reason = existsSync(addon) ? null : `there is no ${addon} (node scripts/prebuild.mjs makes it)`

/** The log-probability of a token by the prebuilt addon with kernels for one kind of processor; `null` where it has none. */
function scoreWith(kernels: string): { device: string; logProb: number } | null {
  const options = { backend: 'native', device: 'cpu', kernels, modelDir: tinyLlama }
  const program = `
    import { createScorer } from ${JSON.stringify(library)}
    try {
      const scorer = await createScorer(${JSON.stringify(options)})
      const prefix = await scorer.open(Uint32Array.of(1, 2, 3))
      const [score] = await scorer.score(prefix, [{ tokens: Uint32Array.of(4), scored: [{ start: 0, end: 1 }] }])
      console.log(JSON.stringify({ device: scorer.model.device, logProb: score.logProbs[0] }))
    } catch (error) {
      if (!/not for this processor/.test(error.message)) throw error
      console.log('null')
    }`
  const env = { ...process.env, RETRACE_NATIVE_DIR: folder }
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    env,
  })
  assert.is(stderr, '')
  return JSON.parse(stdout) as { device: string; logProb: number } | null
}

suiteUnless(reason, 'the prebuilt addon', (test) => {
  test('scores with the kernels for each kind of processor', () => {
    const scores = ['baseline', 'avx2', 'avx512'].map(scoreWith)
    assert.ok(scores[0] !== null, 'the kernels for any processor are missing')
    for (const score of scores) {
      if (score !== null) assert.ok(Math.abs(score.logProb - scores[0]!.logProb) < 1e-5, JSON.stringify(scores))
    }
    assert.is(
      new Set(scores.filter((score) => score !== null).map(({ device }) => device)).size,
      scores.filter(Boolean).length,
    )
  })

  test('brings the C++ library, names no folder of the machine that built it, and is small', () => {
    const bytes = readFileSync(addon, 'latin1')
    assert.not.match(bytes, /libstdc\+\+\.so/)
    assert.not.ok(bytes.includes(root), 'it names the folder of its sources')
    assert.ok(statSync(addon).size < 3 * 2 ** 20, `${statSync(addon).size} bytes`)
  })
}).run()
