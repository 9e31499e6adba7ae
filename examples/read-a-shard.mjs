// Reads the packed rows of a run's shards, and shows where the trained tokens of each begin.
//   node examples/read-a-shard.mjs runs/mine
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { loadTokenizer, shippedModel } from 'retrace-cpt'
import { ignoreIndex, readShard } from 'retrace-cpt/packing'

const [folder = 'runs/mine', modelDir = shippedModel()] = process.argv.slice(2)
const tokenizer = await loadTokenizer(modelDir)
const shards = readdirSync(join(folder, 'shards')).filter((name) => name.endsWith('.parquet'))

for (const name of shards.sort()) {
  const rows = await readShard(join(folder, 'shards', name))
  for (const { docIds, inputIds, labels } of rows) {
    const trained = labels.filter((label) => label !== ignoreIndex)
    console.log(`${name}: ${inputIds.length} tokens, ${trained.length} of them trained, of ${docIds.join(', ')}`)
    console.log(`  ${JSON.stringify(tokenizer.decode(trained.slice(0, 24)))} ...`)
  }
}
