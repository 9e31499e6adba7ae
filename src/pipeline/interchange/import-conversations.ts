import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { retraceVersion, type RunConfig } from '../../config.js'
import { CoreError, canonicalJson, writeFileAtomic } from '../../core/index.js'
import { packConversations } from '../../packing/index.js'
import { createRenderer } from '../../rendering/index.js'
import type { ShardManifest } from '../../records/index.js'
import { loadTokenizer } from '../../tokenizer/index.js'
import type { RunContext } from '../run/run-context.js'
import { filesOf, ImportReader, type ImportCounts } from './import-reader.js'
import { writeNewFolder, type NewOutput } from './new-output.js'

/** `import.json`: what was read, and what came of it. */
export interface ImportSummary extends ImportCounts {
  retraceVersion: string
  packing: ShardManifest['packing']
}

/**
 * Packs the conversations of other programs' files, with the packing options of a run. A row that is no conversation is
 * listed in `rejects.jsonl` with its line and the reason; the others go on.
 *
 * @param inputs files, or folders whose files (not those of folders within) are taken
 * @throws CoreError `INPUT_NOT_FOUND`, `CONFIG_INVALID`, `INPUT_INVALID` where no row is left; InterchangeError
 */
export async function importConversations(
  inputs: readonly string[],
  output: NewOutput,
  modelDir: string,
  config: RunConfig,
  context: RunContext,
): Promise<ImportSummary> {
  if (config.packing.content !== 'trajectory') {
    const message = `Conversations have no repository behind them that could be packed as it is. Leave packing.content away.`
    throw new CoreError('CONFIG_INVALID', message)
  }
  const paths = inputs.flatMap(filesOf)
  const tokenizer = await loadTokenizer(modelDir)
  const renderer = createRenderer(config.packing.renderer, config.packing.masks)
  const reader = new ImportReader(paths, context)
  let summary: ImportSummary | undefined
  await writeNewFolder(output, isImportFolder, async (folder) => {
    const shards = join(folder, 'shards')
    const conversations = reader.conversations(join(folder, 'rejects.jsonl'))
    const input = { conversations, tokenizer, renderer, folder: shards, signal: context.signal }
    const manifest = await packConversations(input, { ...config.packing, seed: config.seed })
    if (manifest.packing.rows === 0) failForNothing(reader, manifest)
    writeFileAtomic(join(shards, 'manifest.json'), canonicalJson(manifest) + '\n')
    summary = { retraceVersion: retraceVersion(), ...reader.counts(), packing: manifest.packing }
    writeFileAtomic(join(folder, 'import.json'), canonicalJson(summary) + '\n')
  })
  return summary as ImportSummary
}

function failForNothing(reader: ImportReader, { sequenceLength }: ShardManifest): never {
  const { rows, conversations } = reader.counts()
  if (conversations === 0) {
    const message = `None of ${rows} rows is a conversation to learn from, such as ${reader.firstReject}.`
    throw new CoreError('INPUT_INVALID', message)
  }
  const message = `No step fits in a row of ${sequenceLength} tokens with something in it to train, so nothing was packed. Raise packing.sequenceLength or look at packing.masks.`
  throw new CoreError('CONFIG_INVALID', message)
}

/** Whether a folder holds what an import leaves and nothing else. */
function isImportFolder(folder: string): boolean {
  const names = readdirSync(folder)
  return (
    names.includes('import.json') && names.every((name) => ['import.json', 'rejects.jsonl', 'shards'].includes(name))
  )
}
