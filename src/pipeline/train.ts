import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { shippedModel } from '../config.js'
import { CoreError, readConfigFile } from '../core/index.js'
import {
  checkPresetModel,
  inspectRequest,
  preparePython,
  presetConfig,
  previewTraining,
  pythonPath,
  train,
  type LaunchOptions,
  type PresetName,
  type PythonChoice,
  type TargetMachine,
  type TrainingContext,
  type TrainingPreview,
  type TrainingRequest,
  type TrainingSummary,
} from '../training/index.js'

/** What to train, as the command line gives it. */
export interface TrainOptions {
  /** Runs, imports, or folders that hold a manifest of shards themselves. */
  runs: readonly string[]
  /** By default the folder `training` in the first of them. */
  out?: string | undefined
  preset: PresetName
  /** The model to start from; by default the model that ships, if the preset is for it. */
  model?: string | undefined
  /** A JSON file whose keys replace those of the preset, one by one. */
  config?: string | undefined
  engine: TrainingRequest['engine']
  device: TrainingRequest['device']
  launch: LaunchOptions
  python?: string | undefined
  venv?: string | undefined
}

/** Trains on the shards of runs. @throws as `train` of the room, and CoreError `RUN_INCOMPLETE`, `INPUT_NOT_FOUND` */
export async function trainRuns(options: TrainOptions, context: TrainingContext): Promise<TrainingSummary> {
  const request = requestOf(options)
  // A wrong request is refused before an environment is made for it.
  inspectRequest(request)
  return train({ ...request, python: await preparePython(pythonChoice(options), context) }, context)
}

/** Describes what `trainRuns` would start, on this machine or on another. Writes and starts nothing. */
export async function previewTrainRuns(
  options: TrainOptions,
  target: TargetMachine | null,
  signal?: AbortSignal,
): Promise<TrainingPreview> {
  return previewTraining(requestOf(options), target, signal)
}

function requestOf(options: TrainOptions): TrainingRequest {
  const { runs, preset, engine, device, launch } = options
  const [first] = runs
  if (first === undefined) throw new CoreError('CONFIG_INVALID', 'No run was given. Name the folder of one.')
  const changes = options.config === undefined ? {} : readConfigFile(options.config)
  const config = presetConfig(preset, changes, options.config)
  const modelDir = options.model ?? modelOf(preset)
  checkPresetModel(preset, modelDir)
  const shards = runs.map(shardsOf)
  const out = options.out ?? join(first, 'training')
  return { shards, out, modelDir, config, engine, device, launch, python: pythonPath(pythonChoice(options)) }
}

function pythonChoice({ python, venv, engine }: TrainOptions): PythonChoice {
  return { python, venv, extras: engine === 'trl' ? 'trl' : undefined }
}

function modelOf(preset: PresetName): string {
  if (preset === 'small') return shippedModel()
  const message = `The preset ${preset} starts from a model that does not ship with retrace. Name its folder with --model.`
  throw new CoreError('CONFIG_INVALID', message)
}

/** The folder of a run's shards. @throws CoreError `RUN_INCOMPLETE`, `INPUT_NOT_FOUND` */
function shardsOf(run: string): string {
  if (!existsSync(run)) throw new CoreError('INPUT_NOT_FOUND', `${run} does not exist. Check the path.`)
  const found = [join(run, 'shards'), run].find((folder) => existsSync(join(folder, 'manifest.json')))
  // The manifest at the top of a run is another one, which lists no shards.
  if (found !== undefined && !(found === run && existsSync(join(run, 'config.json')))) return found
  throw new CoreError('RUN_INCOMPLETE', `${run} has no packed shards. Run it to its end first, then train on it.`)
}
