import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { memoryBlobStore, sha256Hex } from '../../src/core/index.js'
import { createNarrator, type Generator } from '../../src/generation/index.js'
import { groundingOptionsSchema, groundRepository } from '../../src/grounding/index.js'
import { synthesisOptionsSchema, synthesizeTrajectory } from '../../src/synthesis/index.js'
import { smallProject, writeRepository } from '../support.js'

const test = suite('episode')

const blobs = memoryBlobStore()
const snapshot = await groundRepository(writeRepository(smallProject), groundingOptionsSchema.parse({}), blobs)
const options = synthesisOptionsSchema.parse({ debugging: { share: 0 } })
const narrator = createNarrator()

test('the call that chose what to read is kept with its file, also where it chose nothing', async () => {
  const asked: string[] = []
  const choosing = (maxPaths: number): Generator => ({
    ...narrator,
    async chooseReads(request) {
      const { paths } = await narrator.chooseReads(request)
      if (request.candidates.length === 0) return { paths }
      asked.push(request.path)
      return { paths: paths.slice(0, maxPaths), call: sha256Hex(request.path) }
    },
  })
  for (const maxPaths of [0, 8]) {
    asked.length = 0
    const { episodes } = await synthesizeTrajectory(snapshot, choosing(maxPaths), options, blobs)
    const kept = episodes.filter(({ readsCall }) => readsCall !== undefined)
    assert.ok(asked.length > 1, `${asked.length} files had something to read`)
    assert.equal(kept.map(({ path }) => path).sort(), [...asked].sort())
    for (const { path, readsCall, steps } of kept) {
      assert.is(readsCall, sha256Hex(path))
      assert.is(
        steps.some(({ action }) => action.tool === 'Read'),
        maxPaths > 0,
      )
    }
  }
})

test.run()
