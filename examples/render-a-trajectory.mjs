// Prints the first trajectory of a run as a model sees it: a line for each segment, with what it is and whether it is
// trained.
//   node examples/render-a-trajectory.mjs runs/mine
import { RunStore, spanReader } from 'retrace-cpt'
import { trajectorySchema } from 'retrace-cpt/records'
import { createRenderer, flatStep } from 'retrace-cpt/rendering'

const [folder = 'runs/mine'] = process.argv.slice(2)
const store = new RunStore(folder)
const trajectory = store.read('trajectories', store.finished('trajectories')[0], trajectorySchema)

// A trajectory refers to repository content and holds none of it: the reader gets it from the blobs of the run.
const read = spanReader(store.blobs)
const renderer = createRenderer('llama3-chat')
const steps = trajectory.episodes.flatMap((episode) => episode.steps)
const segments = [
  ...renderer.header(trajectory),
  ...steps.flatMap((step) => flatStep(renderer.step(step, read))),
  ...renderer.end(),
]
for (const { text, origin, trainable } of segments) {
  console.log(`${trainable ? 'trained' : '-'.padEnd(7)}  ${origin.padEnd(11)}  ${JSON.stringify(text)}`)
}
