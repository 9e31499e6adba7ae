import { rmSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { RunConfig } from '../../config.js'
import { canonicalJson, CoreError, RetraceError, RunStore, writeFileAtomic } from '../../core/index.js'
import { NearDuplicateIndex, signaturesSchema } from '../../grounding/index.js'
import { createRenderer } from '../../packing/index.js'
import { snapshotSchema, type AblationTraining, type OfflineResults, type ShardManifest } from '../../records/index.js'
import type { PythonChoice, TrainingRequest, TrainingSummary } from '../../training/index.js'
import {
  armFolder,
  chainFolder,
  heldOutFolder,
  stepsOf,
  once,
  trainingConfigOf,
  trainingFolder,
  trainingUnits,
  type AblationWork,
  type ChainName,
  type TrainingUnit,
} from './folder.js'
import { armRecipes, heldOutPackings, type HeldOutName } from './options.js'
import { makeTasks, tasksFile } from './tasks.js'
import { reopen, type RunContext } from '../run/run-folder.js'
import { run } from '../run/run.js'
import { packRecords } from '../run/stages/stages.js'

/** What trains and what measures a model; given from outside, so that all around them can be tried without either. */
export interface ModelWork {
  /** The interpreter that both work with. */
  preparePython(choice: PythonChoice, context: RunContext): Promise<string>
  train(request: TrainingRequest, context: RunContext): Promise<TrainingSummary>
  evaluate(
    request: {
      modelDir: string
      shards: Record<string, string>
      tasks: string | null
      device: 'auto' | 'cpu' | 'cuda'
      python: string
    },
    context: RunContext,
  ): Promise<OfflineResults>
}

/** Runs the chain: on what is trained on without search and, where an arm needs it, with; on what is held out without. */
export async function runChains(work: AblationWork): Promise<void> {
  const { store, split, choices, modelDir, context } = work
  const config = choices.config.run
  const needed = new Set<ChainName>([...choices.arms.map((arm) => armRecipes[arm].run), 'held-out'])
  const chains: { name: ChainName; inputs: string[]; config: RunConfig }[] = [
    { name: 'held-out', inputs: split.heldOut, config: { ...config, search: false } },
    { name: 'without-search', inputs: split.training, config: { ...config, search: false } },
    { name: 'with-search', inputs: split.training, config },
  ]
  for (const chain of chains.filter(({ name }) => needed.has(name))) {
    await once(work, 'prepared', chain.name, async () => {
      context.progress.detail(`Repositories, ${chain.name.replace('-', ' ')} (${chain.inputs.length}):`)
      const summary = await run(chain.inputs, chainFolder(store, chain.name), modelDir, chain.config, context)
      const { repositories, rejects, unfinished } = summary
      if (unfinished.length > 0) {
        const message = `${chain.name}: ${unfinished.length} repositories are not finished, as the budget was spent. Run the same command again.`
        throw new CoreError('BUDGET_SPENT', message)
      }
      return { repositories: repositories.length, rejects: rejects.length }
    })
    if (chain.name === 'held-out') continue
    // Wasted work is prevented, not only wrong figures: the search is the longest part.
    checkNothingLeaks(store, chain.name)
  }
  if (needed.has('without-search') && needed.has('with-search')) checkSameRepositories(store)
}

/** @throws CoreError `RUN_MISMATCH` where the search lost a repository that the other chain has, or found one */
function checkSameRepositories(store: RunStore): void {
  const [without, searched] = (['without-search', 'with-search'] as const).map((chain) =>
    snapshotsOf(store, chain).map(({ id }) => id),
  )
  if (String(without) === String(searched)) return
  const message = `The chains with and without search came to other repositories, so their arms cannot be compared. Delete ${store.folder} and run the same command again.`
  throw new CoreError('RUN_MISMATCH', message, { without, searched })
}

/** @throws CoreError `INPUT_INVALID` where a repository that is measured on was trained on, by its content */
function checkNothingLeaks(store: RunStore, chain: ChainName): void {
  const trained = new Map(snapshotsOf(store, chain).map(({ source, name }) => [source.digest, name]))
  for (const { source, name } of snapshotsOf(store, 'held-out')) {
    const same = trained.get(source.digest)
    if (same === undefined) continue
    const message = `${name} is held out, and ${same} that is trained on has the same content. Leave one of them out, with another --out.`
    throw new CoreError('INPUT_INVALID', message, { heldOut: name, training: same })
  }
}

export function snapshotsOf(store: RunStore, chain: ChainName): ReturnType<typeof snapshotSchema.parse>[] {
  const inner = new RunStore(chainFolder(store, chain))
  return inner.finished('trajectories').map((id) => inner.read('snapshots', id, snapshotSchema))
}

/** Share of a held-out repository's source bytes that are near-duplicates of files trained on; `null` where not looked for. */
export function overlapsOf(store: RunStore, chain: ChainName, threshold: number | null): Map<string, number> {
  const overlaps = new Map<string, number>()
  if (threshold === null) return overlaps
  const index = new NearDuplicateIndex(threshold)
  const [trained, heldOut] = [chain, 'held-out' as const].map((name) => new RunStore(chainFolder(store, name)))
  if (trained === undefined || heldOut === undefined) return overlaps
  for (const id of trained.finished('trajectories')) index.add(trained.read('signatures', id, signaturesSchema))
  for (const id of heldOut.finished('trajectories')) {
    overlaps.set(id, index.find(heldOut.read('signatures', id, signaturesSchema)).share)
  }
  return overlaps
}

/** Packs every arm, and the held-out repositories in all forms that are measured, in folders of the ablation's own. */
export async function packArms(work: AblationWork): Promise<void> {
  const { store, choices } = work
  const packing = choices.config.run.packing
  for (const arm of choices.arms) {
    const recipe = armRecipes[arm]
    await once(work, 'packed', arm, () =>
      packChain(work, recipe.run, armFolder(store, arm), recipe.packing(packing), arm),
    )
  }
  for (const [name, packingOf] of Object.entries(heldOutPackings) as [
    HeldOutName,
    (typeof heldOutPackings)['code'],
  ][]) {
    // A repository is its own mixture component here: so it is measured by itself too.
    const packed = { ...packingOf(packing) }
    await once(work, 'packed', `held-out-${name}`, () =>
      packChain(work, 'held-out', heldOutFolder(store, name), packed, `held-out ${name}`, (id) => id),
    )
  }
  if (choices.tasks) await once(work, 'packed', 'held-out-tasks', () => makeTasks(work))
}

async function packChain(
  { store, context }: AblationWork,
  chain: ChainName,
  folder: string,
  packing: RunConfig['packing'],
  what: string,
  domainOf?: (id: string) => string,
): Promise<ShardManifest> {
  const current = await reopen(chainFolder(store, chain), context)
  const repacked = {
    ...current,
    config: { ...current.config, packing },
    renderer: createRenderer(packing.renderer, packing.masks),
  }
  mkdirSync(folder, { recursive: true })
  const bar = context.progress.stage(`Packing ${what}`, current.store.finished('trajectories').length, 'documents')
  const onDocument = (): void => bar.advance()
  try {
    const manifest = await packRecords(
      repacked,
      folder,
      domainOf === undefined ? { onDocument } : { domainOf, onDocument },
    )
    if (manifest.packing.trainedTokens === 0) {
      const message = `${what}: no row has anything to train, so nothing could be learned or measured. Raise run.packing.sequenceLength, look at run.packing.masks, or give other repositories.`
      throw new CoreError('CONFIG_INVALID', message)
    }
    writeFileAtomic(join(folder, 'manifest.json'), canonicalJson(manifest) + '\n')
    return manifest
  } finally {
    bar.finish()
  }
}

/** Trains each arm with each seed on as many tokens, and measures each model, the one at the start among them. */
export async function trainAndEvaluate(work: AblationWork, models: ModelWork, python: string): Promise<void> {
  const { store, choices, context, modelDir } = work
  const units = trainingUnits(choices)
  await evaluateModel(work, models, python, 'base', modelDir)
  for (const [index, unit] of units.entries()) {
    const name = `${unit.arm}, seed ${unit.seed} (${index + 1} of ${units.length})`
    if (!store.isFinished('trained', unit.id)) context.progress.detail(`Training ${name}:`)
    await once(work, 'trained', unit.id, () => named(unit, () => trainUnit(work, models, python, unit)))
    // What only going on would need: of all models of an ablation together it would fill a disk.
    rmSync(join(trainingFolder(store, unit), 'checkpoints'), { recursive: true, force: true })
    await named(unit, () => evaluateModel(work, models, python, unit.id, join(trainingFolder(store, unit), 'model')))
  }
}

/** Says of a failure which model it befell, and that the others are kept. @throws RetraceError of the same code and kind */
async function named<Result>({ arm, seed }: TrainingUnit, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof RetraceError) || error.code === 'ABORTED') throw error
    const message = `${arm}, seed ${seed}: ${error.message} What was trained and measured before is kept; --arms without ${arm} ends in a report of the others.`
    throw new RetraceError(error.code, error.kind, message, { ...error.details, arm, seed }, { cause: error })
  }
}

async function trainUnit(
  { store, choices, modelDir, context }: AblationWork,
  models: ModelWork,
  python: string,
  unit: TrainingUnit,
): Promise<AblationTraining> {
  const out = trainingFolder(store, unit)
  const summary = await models.train(
    {
      shards: [armFolder(store, unit.arm)],
      out,
      modelDir,
      config: trainingConfigOf(choices.config, choices.tokens, unit.seed),
      engine: 'fsdp2',
      device: choices.device,
      launch: { processes: null, nodes: 1, rendezvous: null, jobId: null },
      python,
    },
    context,
  )
  if (summary.reason === 'stopped' || summary.model === null) throw new CoreError('ABORTED', 'Training was stopped.')
  const { last, seconds } = stepsOf(out)
  return {
    arm: unit.arm,
    seed: unit.seed,
    steps: last.step,
    tokens: last.totalTokens,
    trainedTokens: last.totalTrainedTokens,
    loss: summary.loss,
    seconds,
  }
}

async function evaluateModel(
  work: AblationWork,
  models: ModelWork,
  python: string,
  id: string,
  modelDir: string,
): Promise<void> {
  const { store, choices, context } = work
  const names = Object.keys(heldOutPackings) as HeldOutName[]
  const shards = Object.fromEntries(names.map((name) => [name, heldOutFolder(store, name)]))
  const tasks = choices.tasks ? tasksFile(store) : null
  await once(work, 'evaluated', id, async () =>
    models.evaluate({ modelDir, shards, tasks, device: choices.device, python }, context),
  )
}
