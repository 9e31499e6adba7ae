import { basename } from 'node:path'
import { retraceVersion } from '../../config.js'
import { RunStore } from '../../core/index.js'
import {
  ablationArms,
  ablationMeasures,
  ablationTrainingSchema,
  offlineResultsSchema,
  shardManifestSchema,
  type Ablation,
  type AblationArm,
  type AblationMeasure,
  type OfflineResults,
} from '../../records/index.js'
import { readModelInfo } from '../../scoring/index.js'
import { chainFolder, trainingUnits, type AblationWork, type ChainName } from './folder.js'
import { findKnown } from './known-to-model.js'
import { armRecipes } from './options.js'
import { overlapsOf, snapshotsOf } from './chains.js'
import { meanOf, pairedDifference, standardDeviationOf } from './statistics.js'
import { openRun } from '../run/run-folder.js'
import { rejectsOf, snapshotIdOf } from '../run/run-records.js'

/** A measure of one model: over all repositories, and by held-out repository where it can be divided so. */
interface Value {
  all: number
  byRepository: Map<string, number>
}

/** Makes the record of an ablation from the records of its parts; equal records give equal bytes. */
export async function gatherAblation(work: AblationWork): Promise<Ablation> {
  const { store, choices, modelDir } = work
  const { run, training } = choices.config
  const { name, digest } = await readModelInfo(modelDir)
  const arms = ablationArms.filter((arm) => choices.arms.includes(arm))
  return {
    schemaVersion: 1,
    retraceVersion: retraceVersion(),
    model: { name, digest },
    tokens: choices.tokens,
    seeds: choices.seeds,
    sequenceLength: run.packing.sequenceLength,
    batchRows: training.batchRows,
    device: choices.device,
    repositories: repositoriesOf(work),
    arms: arms.map((arm) => gatherArm(work, arm)),
    measures: gatherMeasures(store, arms, choices.seeds),
  }
}

function gatherArm({ store, choices }: AblationWork, arm: AblationArm): Ablation['arms'][number] {
  const { packing } = store.read('packed', arm, shardManifestSchema)
  const units = trainingUnits({ arms: [arm], seeds: choices.seeds })
  const { documents, rows, tokens, trainedTokens } = packing
  return {
    arm,
    packed: {
      ...{ documents, rows, tokens, trainedTokens },
      droppedTokens: packing.dropped.reduce((sum, part) => sum + part.tokens, 0),
    },
    trainings: units.map(({ id }) => {
      const { arm: _arm, ...training } = store.read('trained', id, ablationTrainingSchema)
      return { ...training, epochs: training.tokens / tokens }
    }),
  }
}

function gatherMeasures(store: RunStore, arms: readonly AblationArm[], seeds: number): Ablation['measures'] {
  const valuesOf = (id: string): Map<AblationMeasure, Value> =>
    measure(store.read('evaluated', id, offlineResultsSchema))
  const base = valuesOf('base')
  const models = new Map(arms.map((arm) => [arm, trainingUnits({ arms: [arm], seeds }).map(({ id }) => valuesOf(id))]))
  return ablationMeasures.flatMap((name) => {
    const before = base.get(name)
    if (before === undefined) return []
    const of = (arm: AblationArm): Value[] => (models.get(arm) ?? []).map((values) => values.get(name) as Value)
    const reference = arms.includes('raw-code') ? of('raw-code') : null
    return [{ measure: name, base: before.all, arms: arms.map((arm) => compare(name, arm, of(arm), reference)) }]
  })
}

function compare(
  name: AblationMeasure,
  arm: AblationArm,
  values: readonly Value[],
  reference: readonly Value[] | null,
): Ablation['measures'][number]['arms'][number] {
  const all = values.map((value) => value.all)
  const against = arm === 'raw-code' ? null : reference
  return {
    arm,
    values: all,
    mean: meanOf(all),
    standardDeviation: standardDeviationOf(all),
    interval: pairedDifference(
      all,
      all.map(() => 0),
    ).interval,
    overSeeds:
      against === null
        ? null
        : pairedDifference(
            all,
            against.map((value) => value.all),
          ),
    overRepositories: against === null ? null : compareRepositories(name, values, against),
  }
}

/** The difference with repositories as the pairs: how much it depends on which repositories were held out. */
function compareRepositories(
  name: AblationMeasure,
  values: readonly Value[],
  reference: readonly Value[],
): Ablation['measures'][number]['arms'][number]['overRepositories'] {
  const repositories = [...(values[0]?.byRepository.keys() ?? [])].sort()
  if (repositories.length === 0) return null
  const meansOf = (models: readonly Value[]): number[] =>
    repositories.map((id) => meanOf(models.map(({ byRepository }) => byRepository.get(id) as number)))
  const [ours, theirs] = [meansOf(values), meansOf(reference)]
  const isBetter = (value: number, index: number): boolean =>
    isLowerBetter(name) ? value < (theirs[index] as number) : value > (theirs[index] as number)
  return { ...pairedDifference(ours, theirs), better: ours.filter(isBetter).length }
}

function isLowerBetter(name: AblationMeasure): boolean {
  return name === 'code' || name === 'trajectory-code'
}

/** The measures that an evaluation took. */
function measure({ heldOut = {}, needle, completion }: OfflineResults): Map<AblationMeasure, Value> {
  const values = new Map<AblationMeasure, Value>()
  const add = (name: AblationMeasure, all: number | null, known: readonly [string, number | null][] = []): void => {
    const byRepository = known.filter((pair): pair is [string, number] => pair[1] !== null)
    if (all !== null) values.set(name, { all, byRepository: new Map(byRepository) })
  }
  for (const name of ['code', 'trajectory-code'] as const) {
    const domains = Object.entries(heldOut[name]?.domains ?? {})
    add(
      name,
      heldOut[name]?.all.bitsPerByte ?? null,
      domains.map(([id, of]) => [id, of.bitsPerByte]),
    )
  }
  add('needle', needle?.accuracy ?? null)
  const repositories = Object.entries(completion?.repositories ?? {})
  add(
    'exact-match',
    completion?.exactMatch ?? null,
    repositories.map(([id, of]) => [id, of.exactMatch]),
  )
  add(
    'edit-similarity',
    completion?.editSimilarity ?? null,
    repositories.map(([id, of]) => [id, of.editSimilarity]),
  )
  return values
}

function repositoriesOf({ store, split, choices, modelDir }: AblationWork): Ablation['repositories'] {
  const chain = trainingChain(choices.arms)
  const { duplicates } = choices.config.run.grounding
  const overlaps = overlapsOf(store, chain, duplicates === false ? null : duplicates.threshold)
  const heldOut = snapshotsOf(store, 'held-out').map(({ id, name }) => ({
    id,
    name,
    overlap: overlaps.get(id) ?? null,
  }))
  return {
    training: snapshotsOf(store, chain).map(({ id, name }) => ({ id, name })),
    heldOut,
    leftOut: [...leftOutOf(store, chain, false), ...leftOutOf(store, 'held-out', true)],
    knownToModel: findKnown(modelDir, namesOfHeldOut(store, split.heldOut)),
  }
}

/** A chain for training that was run; where both were, they have the same repositories. */
function trainingChain(arms: readonly AblationArm[]): ChainName {
  return arms.some((arm) => armRecipes[arm].run === 'without-search') ? 'without-search' : 'with-search'
}

function leftOutOf(store: RunStore, chain: ChainName, isHeldOut: boolean): Ablation['repositories']['leftOut'] {
  const rejects = rejectsOf(new RunStore(chainFolder(store, chain)))
  return rejects.map(({ id, message }) => ({ id, isHeldOut, message }))
}

/** Each held-out repository with the names that it may be known by: its own and that of its folder. */
function namesOfHeldOut(store: RunStore, inputs: readonly string[]): { name: string; names: string[] }[] {
  const inner = openRun(chainFolder(store, 'held-out')).store
  const units = inner.finished('inputs')
  const inputOf = new Map(units.map((unit) => [snapshotIdOf(inner, unit), inputs[Number(unit)] ?? '']))
  return snapshotsOf(store, 'held-out').map(({ id, name }) => ({
    name,
    names: [name, basename(inputOf.get(id) ?? '')],
  }))
}
