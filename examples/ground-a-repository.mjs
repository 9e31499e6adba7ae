// Shows what a repository is made of: its files in an order in which each comes after what it imports.
//   node examples/ground-a-repository.mjs my-repo
import { memoryBlobStore } from 'retrace-cpt'
import { groundRepository } from 'retrace-cpt/grounding'

const [folder = '.'] = process.argv.slice(2)

// The contents go into a blob store; here they are kept in memory. `{}` are the options: all have defaults.
const snapshot = await groundRepository(folder, {}, memoryBlobStore())
const fileAt = new Map(snapshot.files.map((file) => [file.path, file]))

console.log(`${snapshot.name}: ${snapshot.files.length} files, ${snapshot.skipped.length} skipped`)
for (const path of snapshot.order) {
  const { language, lines, imports } = fileAt.get(path)
  const needs = imports.filter(({ target }) => target.kind === 'file').map(({ target }) => target.path)
  console.log(`${path} (${language}, ${lines} lines)${needs.length > 0 ? ` imports ${needs.join(', ')}` : ''}`)
}
