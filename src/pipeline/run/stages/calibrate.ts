import { CoreError, type RunStore } from '../../../core/index.js'
import { branchOf, measureNoise, tokensOf, walkSteps } from '../../../cot-search/index.js'
import { trajectorySchema } from '../../../records/index.js'
import { describeDevice, type ModelInfo, type Scorer } from '../../../scoring/index.js'
import type { Run } from '../run-folder.js'
import { calibrationOf, groundedIds, type Calibration } from '../run-records.js'

/** The noise of a mean log-probability, measured once for a run, on the first thought that fits. 0 where none does. */
export async function calibrate(run: Run, scorer: Scorer): Promise<number> {
  const { store } = run
  const before = calibrationOf(store)
  if (before !== null) {
    checkSameScorer(before.scorer, scorer.model, store.folder)
    return before.noise
  }
  for (const id of groundedIds(store).filter((id) => store.isFinished('drafts', id))) {
    const calibration = await measureOn(run, id, scorer)
    if (calibration === null) continue
    store.write('.', 'calibration', calibration)
    return calibration.noise
  }
  return 0
}

async function measureOn(
  { store, tokenizer, renderer, read }: Run,
  id: string,
  scorer: Scorer,
): Promise<Calibration | null> {
  const trajectory = store.read('drafts', id, trajectorySchema)
  const { device, dtype, contextLength } = scorer.model
  const prefix = tokensOf(tokenizer, renderer.header(trajectory)).slice(0, contextLength >> 2)
  const steps = walkSteps(trajectory, renderer, read).filter((step) => step.leadsToCode)
  const branches = steps.map(({ rendered }) => branchOf(tokenizer, rendered, rendered.thought))
  const branch = branches.find(({ tokens }) => tokens.length + prefix.length <= contextLength)
  if (branch === undefined) return null
  const noise = await measureNoise(scorer, prefix, branch)
  const targetTokens = branch.scored.reduce((sum, range) => sum + range.end - range.start, 0)
  return { scorer: { device, dtype }, noise, trajectory: id, prefixTokens: prefix.length, targetTokens }
}

/** Scores of two devices differ in their last bits, and candidates are chosen by small differences. */
function checkSameScorer(before: Calibration['scorer'], now: ModelInfo, folder: RunStore['folder']): void {
  if (before.device === now.device && before.dtype === now.dtype) return
  throw new CoreError(
    'RUN_MISMATCH',
    `${folder} was begun with the scorer ${before.device} in ${before.dtype}, and here it would go on with ` +
      `${describeDevice(now)}, whose scores are not the same to the bit. Go on where it was begun, or give another --out.`,
    { before: { device: before.device, dtype: before.dtype }, now: { device: now.device, dtype: now.dtype } },
  )
}
