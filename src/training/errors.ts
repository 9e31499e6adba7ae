import { errorClass, type ErrorTable } from '../core/index.js'

/** What is found before anything starts, or by the process that watches the ranks. */
const launcherErrors = {
  MODEL_MISSING_FILE: { kind: 'usage', meaning: 'The model folder lacks a file that is needed.' },
  MODEL_INVALID: { kind: 'run', meaning: 'A file of the model is damaged, or its tensors do not fit its config.' },
  MODEL_UNSUPPORTED: {
    kind: 'run',
    meaning: 'The model is not of the Llama family, or has a shape that is not trained.',
  },
  CONFIG_INVALID: {
    kind: 'usage',
    meaning: 'The training config has a value that does not fit the data or the ranks.',
  },
  RUN_MISMATCH: { kind: 'usage', meaning: 'The folder holds a training that was begun with other options.' },
  WORLD_SIZE_INVALID: { kind: 'usage', meaning: 'So many ranks cannot share the rows of a step evenly.' },
  MEMORY_TOO_SMALL: { kind: 'usage', meaning: 'The training needs more memory than each rank has.' },
  DEVICE_UNAVAILABLE: { kind: 'usage', meaning: 'There is no GPU that PyTorch can use, or fewer than were asked for.' },
  PYTHON_MISSING: { kind: 'usage', meaning: 'The Python interpreter is not there or does not answer.' },
  PYTHON_INCOMPLETE: { kind: 'usage', meaning: 'A Python module that is needed is missing or too old.' },
  ENVIRONMENT_FAILED: { kind: 'run', meaning: 'The virtual environment for Python could not be made.' },
  ENVIRONMENT_BUSY: { kind: 'run', meaning: 'Another process makes the same virtual environment at the moment.' },
  RANK_DIED: { kind: 'run', meaning: 'A process of the training ended without giving a reason.' },
  ABORTED: { kind: 'run', meaning: 'The training was ended at once by a second signal, or was stopped.' },
} as const satisfies ErrorTable

/** What the training loop writes into `failure.json`; some of it is found before it starts. */
const loopErrors = {
  JOB_INVALID: {
    kind: 'run',
    meaning: 'The job file of the training loop has another form than `retrace train` writes.',
  },
  MANIFEST_INVALID: { kind: 'run', meaning: 'The manifest of the shards cannot be read or lists no rows.' },
  SHARD_MISSING: { kind: 'run', meaning: 'A shard, or the manifest of the shards, is not there.' },
  SHARD_CHANGED: { kind: 'run', meaning: 'A shard has other bytes than its manifest says.' },
  SHARD_INVALID: { kind: 'run', meaning: 'A shard cannot be read as Parquet or Arrow.' },
  TOKENIZER_MISMATCH: {
    kind: 'usage',
    meaning: 'The shards were packed with another tokenizer than that of the model.',
  },
  ROW_TOO_LONG: { kind: 'usage', meaning: 'The rows of the shards are longer than the context of the model.' },
  PYTHON_PACKAGE_MISSING: { kind: 'run', meaning: 'A Python package that this engine needs is not installed.' },
  NO_DEVICE: { kind: 'run', meaning: 'The training loop found no device of the kind that was asked for.' },
  FOLDER_BUSY: { kind: 'run', meaning: 'Another training works in the same folder.' },
  CHECKPOINT_INVALID: { kind: 'run', meaning: 'A checkpoint cannot be read.' },
  NON_FINITE: { kind: 'run', meaning: 'The loss or the gradient became NaN or infinite.' },
  OUT_OF_MEMORY: { kind: 'run', meaning: 'The device or the machine has too little memory for the training.' },
  RANK_LOST: { kind: 'run', meaning: 'Another rank ended, or the network between the ranks broke.' },
  UNEXPECTED: { kind: 'run', meaning: 'The training failed in a way that has no code of its own.' },
} as const satisfies ErrorTable

const evaluationErrors = {
  TASKS_INVALID: { kind: 'run', meaning: 'The file of evaluation tasks has another form than is documented.' },
  EVALUATION_FAILED: { kind: 'run', meaning: 'The program that measures a model ended with an error.' },
  RESULTS_INVALID: { kind: 'run', meaning: 'The results of another program have a form that is not known.' },
} as const satisfies ErrorTable

export const trainingErrors = { ...launcherErrors, ...loopErrors, ...evaluationErrors } as const satisfies ErrorTable

export type TrainingErrorCode = keyof typeof trainingErrors

/** Errors of the room `training`: what was asked for does not fit, or the loop stopped. The last checkpoint is whole. */
export class TrainingError extends errorClass(trainingErrors) {}
