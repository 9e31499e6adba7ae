import type { RunConfig } from '../../config.js'
import { CoreError, RunStore } from '../../core/index.js'
import { NearDuplicateIndex, signaturesSchema } from '../../grounding/index.js'
import { snapshotSchema, type RepositorySnapshot } from '../../records/index.js'
import { run } from '../run/run.js'
import { chainFolder, once, type AblationWork, type ChainName } from './folder.js'
import { armRecipes } from './options.js'

/**
 * Runs the chain for every purpose: for training without search and, where an arm needs it, with search; for the
 * held-out repositories without.
 */
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
    // Before the next chain: the search takes longest, and would be done in vain.
    checkNothingLeaks(store, chain.name)
  }
  if (needed.has('without-search') && needed.has('with-search')) checkSameRepositories(store)
}

/** @throws CoreError `RUN_MISMATCH` where the chains with and without search kept different repositories */
function checkSameRepositories(store: RunStore): void {
  const [without, searched] = (['without-search', 'with-search'] as const).map((chain) =>
    snapshotsOf(store, chain).map(({ id }) => id),
  )
  if (String(without) === String(searched)) return
  const message = `The chains with and without search came to other repositories, so their arms cannot be compared. Delete ${store.folder} and run the same command again.`
  throw new CoreError('RUN_MISMATCH', message, { without, searched })
}

/** @throws CoreError `INPUT_INVALID` where a held-out repository has the same content as one for training */
function checkNothingLeaks(store: RunStore, chain: ChainName): void {
  const trained = new Map(snapshotsOf(store, chain).map(({ source, name }) => [source.digest, name]))
  for (const { source, name } of snapshotsOf(store, 'held-out')) {
    const same = trained.get(source.digest)
    if (same === undefined) continue
    const message = `${name} is held out, and ${same} that is trained on has the same content. Leave one of them out, with another --out.`
    throw new CoreError('INPUT_INVALID', message, { heldOut: name, training: same })
  }
}

export function snapshotsOf(store: RunStore, chain: ChainName): RepositorySnapshot[] {
  const inner = new RunStore(chainFolder(store, chain))
  return inner.finished('trajectories').map((id) => inner.read('snapshots', id, snapshotSchema))
}

/**
 * Share of each held-out repository's source bytes that are near-duplicates of files for training, by its id; empty where
 * near-duplicates are not looked for.
 */
export function overlapsOf(store: RunStore, chain: ChainName, threshold: number | null): Map<string, number> {
  const overlaps = new Map<string, number>()
  if (threshold === null) return overlaps
  const index = new NearDuplicateIndex(threshold)
  const trained = new RunStore(chainFolder(store, chain))
  const heldOut = new RunStore(chainFolder(store, 'held-out'))
  for (const id of trained.finished('trajectories')) index.add(trained.read('signatures', id, signaturesSchema))
  for (const id of heldOut.finished('trajectories')) {
    overlaps.set(id, index.find(heldOut.read('signatures', id, signaturesSchema)).share)
  }
  return overlaps
}
