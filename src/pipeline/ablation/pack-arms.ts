import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { RunConfig } from '../../config.js'
import { canonicalJson, CoreError, writeFileAtomic } from '../../core/index.js'
import { createRenderer } from '../../rendering/index.js'
import type { ShardManifest } from '../../records/index.js'
import { reopen } from '../run/run-folder.js'
import { packRecords } from '../run/stages/pack.js'
import { armFolder, chainFolder, heldOutFolder, once, type AblationWork, type ChainName } from './folder.js'
import { armRecipes, heldOutNames, heldOutPackings } from './options.js'
import { makeTasks } from './tasks.js'

/** Packs every arm, and the held-out repositories in all forms that are measured, in folders of the ablation. */
export async function packArms(work: AblationWork): Promise<void> {
  const { store, choices } = work
  const packing = choices.config.run.packing
  for (const arm of choices.arms) {
    const recipe = armRecipes[arm]
    await once(work, 'packed', arm, () =>
      packChain(work, recipe.run, armFolder(store, arm), recipe.packing(packing), arm),
    )
  }
  for (const name of heldOutNames) {
    // Each repository is a domain, so that it is measured by itself too.
    await once(work, 'packed', `held-out-${name}`, () =>
      packChain(
        work,
        'held-out',
        heldOutFolder(store, name),
        heldOutPackings[name](packing),
        `held-out ${name}`,
        (id) => id,
      ),
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
