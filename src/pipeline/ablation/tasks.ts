import { CoreError, type RunStore } from '../../core/index.js'
import type { EvaluationTask } from '../../records/index.js'
import { readModelInfo } from '../../model/index.js'
import { loadTokenizer } from '../../tokenizer/index.js'
import { chainFolder, type AblationWork } from './folder.js'
import { openEvaluationRepositories } from '../evaluation/repositories.js'
import { completionTasks } from '../evaluation/completion-tasks.js'
import { needleTasks } from '../evaluation/needle-tasks.js'
import { writeTasks, type TaskSource } from '../evaluation/tasks.js'

export function tasksFile(store: RunStore): string {
  return store.path('held-out', 'tasks.jsonl')
}

/** Makes needle and completion tasks from the held-out repositories: one file for every model. */
export async function makeTasks({
  store,
  choices,
  modelDir,
}: AblationWork): Promise<{ count: number; digest: string }> {
  const repositories = openEvaluationRepositories(chainFolder(store, 'held-out'))
  const { contextLength } = await readModelInfo(modelDir)
  const source = {
    repositories,
    tokenizer: await loadTokenizer(modelDir),
    contextLength,
    seed: choices.config.run.seed,
  }
  const made = writeTasks(tasksFile(store), tasksOf(source))
  if (made.count > 0) return made
  const message = `The held-out repositories have too little code to make a task of. Hold out others, or leave --tasks away.`
  throw new CoreError('INPUT_INVALID', message)
}

function* tasksOf(source: TaskSource): Generator<EvaluationTask> {
  yield* needleTasks(source)
  yield* completionTasks(source)
}
