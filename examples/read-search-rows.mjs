// Shows what the search of a run gained at each file: the mean log-probability of the code without a thought, and with
// the thought that was chosen.
//   node examples/read-search-rows.mjs runs/mine
import { RunStore } from 'retrace-cpt'
import { searchRowSchema } from 'retrace-cpt/records'

const [folder = 'runs/mine'] = process.argv.slice(2)
const store = new RunStore(folder)

for (const id of store.finished('trajectories')) {
  for (const { path, candidates, chosen } of store.rows('search', id, searchRowSchema)) {
    const without = candidates.find(({ role }) => role === 'none')
    const best = candidates[chosen]
    if (!without?.score || !best?.score) continue // It was too long for the scorer.
    const thought = best.thought?.text ?? '(no thought)'
    console.log(`${path}: ${without.score.mean.toFixed(3)} -> ${best.score.mean.toFixed(3)}  ${thought}`)
  }
}
