import { Option, type Command } from 'commander'
import { CoreError } from '../core/index.js'
import {
  previewTrainRuns,
  trainRuns,
  trainingEngines,
  trainingPresets,
  type TrainOptions,
  type TrainingSummary,
} from '../pipeline/index.js'
import { answerWith, type Answer, type CommandContext } from './command.js'
import { counted } from './counted.js'
import { addPythonOptions, gibibytes, wholeNumber, type PythonFlags } from './options.js'
import { secondStop } from './second-stop.js'

interface TrainFlags extends PythonFlags {
  out?: string
  preset: TrainOptions['preset']
  model?: string
  config?: string
  engine: TrainOptions['engine']
  processes?: number
  nodes: number
  rendezvous?: string
  jobId?: string
  print?: boolean
  slurm?: boolean
  gpuMemory?: number
  gpusPerNode?: number
  json?: boolean
}

const examples = `
Examples:
  $ retrace train runs/first
  $ retrace train runs/first runs/second --preset llama-3-8b --model models/llama-3-8b --out training
  $ retrace train runs/first --preset llama-3-8b --model models/llama-3-8b --nodes 8 --gpus-per-node 8 --gpu-memory 139 --slurm > train.sbatch

Ctrl-C finishes the step at hand, saves and ends; a second one ends at once. The weights of the end are in OUT/model.`

export function configure(command: Command): void {
  command
    .argument('<run...>', 'runs, imports, or folders with a manifest.json of shards')
    .option('--out <folder>', 'where checkpoints, metrics and the model go (default: "training" in the first run)')
    .addOption(
      new Option('--preset <name>', 'small: the model that ships, on a CPU; llama-3-8b: the paper')
        .choices(trainingPresets)
        .default('small'),
    )
    .option('--model <dir>', 'the model to start from: config.json, tokenizer.json, *.safetensors')
    .option('--config <file>', 'JSON config, whose keys replace those of the preset, one by one')
    .addOption(
      new Option('--engine <name>', 'our loop on FSDP2, or TRL on the same shards')
        .choices(trainingEngines)
        .default('fsdp2'),
    )
  addPythonOptions(command)
  addMachineOptions(command)
    .addHelpText('after', examples)
    .action((runs: string[], flags: TrainFlags) =>
      answerWith(flags, async (context) => {
        const options = optionsOf(runs, flags)
        return isPreview(flags) ? await preview(options, flags, context) : await work(options, context)
      }),
    )
}

/** The options that say how many machines and GPUs there are, and those that only show what would be started. */
function addMachineOptions(command: Command): Command {
  return command
    .option('--processes <n>', 'ranks on this machine (default: one per GPU; on a CPU up to 2)', wholeNumber(1))
    .option('--nodes <n>', 'machines; the command is started on each of them', wholeNumber(1), 1)
    .option('--rendezvous <host:port>', 'where the machines meet: the first of them')
    .option('--job-id <id>', 'the same on all machines of one training')
    .option('--print', 'show what would be started, with its memory and steps, and start nothing')
    .option('--slurm', 'print a script for sbatch, and start nothing')
    .option(
      '--gpu-memory <gib>',
      'with --print or --slurm: memory of each GPU of the machines that it is for',
      gibibytes,
    )
    .option('--gpus-per-node <n>', 'with --print or --slurm: how many of them each machine has', wholeNumber(1))
}

function isPreview({ print, slurm }: TrainFlags): boolean {
  return print === true || slurm === true
}

function optionsOf(runs: string[], flags: TrainFlags): TrainOptions {
  const { out, preset, model, config, engine, device, python, venv, nodes, rendezvous } = flags
  if (python !== undefined && venv !== undefined) {
    throw new CoreError('CONFIG_INVALID', 'Give --python or --venv, not both: the one is there, the other is made.')
  }
  if (nodes > 1 && rendezvous === undefined && flags.slurm !== true) {
    const message = `${nodes} machines have to meet: give --rendezvous HOST:PORT, the same on each, or make a script with --slurm.`
    throw new CoreError('CONFIG_INVALID', message)
  }
  if ((flags.gpuMemory === undefined) !== (flags.gpusPerNode === undefined)) {
    throw new CoreError('CONFIG_INVALID', '--gpu-memory and --gpus-per-node describe a machine together. Give both.')
  }
  if (flags.gpuMemory !== undefined && !isPreview(flags)) {
    throw new CoreError(
      'CONFIG_INVALID',
      '--gpu-memory is for --print and --slurm; here the GPUs are asked themselves.',
    )
  }
  const launch = {
    processes: flags.processes ?? null,
    nodes,
    rendezvous: rendezvous ?? null,
    jobId: flags.jobId ?? null,
  }
  return { runs, out, preset, model, config, engine, device, launch, python, venv }
}

async function preview(options: TrainOptions, flags: TrainFlags, context: CommandContext): Promise<Answer> {
  const { gpuMemory, gpusPerNode } = flags
  const target =
    gpuMemory === undefined || gpusPerNode === undefined
      ? null
      : { gpus: gpusPerNode, memoryBytes: gpuMemory * 2 ** 30 }
  const { plan, text, command, slurm } = await previewTrainRuns(options, target, context.signal)
  const comment = text.replace(/^(?=.)/gm, '# ')
  return { json: { plan, command, slurm }, text: flags.slurm === true ? slurm : `${comment}\n${command}` }
}

async function work(options: TrainOptions, context: CommandContext): Promise<Answer> {
  const { kill, release } = secondStop(context.signal)
  try {
    const summary = await trainRuns(options, { ...context, kill })
    return { json: summary, text: describeTraining(summary), failed: summary.reason === 'stopped' }
  } finally {
    release()
  }
}

function describeTraining({
  out,
  model,
  reason,
  step,
  totalSteps,
  loss,
  tokens,
  nothingToDo,
}: TrainingSummary): string {
  const facts = `${tokens.toLocaleString('en-US')} tokens${loss === null ? '' : `, loss ${loss.toFixed(3)} nats a token`}`
  if (reason === 'stopped') {
    return `Stopped and saved at step ${step} of ${totalSteps}: ${facts}. The same command goes on from there.\n`
  }
  const what = nothingToDo ? 'Trained already' : 'Trained'
  return `${what}: ${counted(step, 'steps')}, ${facts}. Model: ${model ?? out}\n`
}
