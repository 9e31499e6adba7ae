import { InvalidArgumentError, Option, type Command } from 'commander'
import { CoreError } from '../core/index.js'
import { previewTrainRuns, trainRuns, trainingEngines, trainingPresets, type TrainOptions, type TrainingSummary } from '../pipeline/index.js' // prettier-ignore
import { answerWith, newCommand, type Answer, type CommandContext } from './command.js'

interface TrainFlags {
  out?: string
  preset: TrainOptions['preset']
  model?: string
  config?: string
  engine: TrainOptions['engine']
  device: TrainOptions['device']
  processes?: number
  nodes: number
  rendezvous?: string
  jobId?: string
  python?: string
  venv?: string
  print?: boolean
  slurm?: boolean
  gpuMemory?: number
  gpusPerNode?: number
  json?: boolean
}

export function trainCommand(): Command {
  const command = newCommand('train', 'train a model on packed shards; the same command again goes on')
    .argument('<run...>', 'runs, imports, or folders with a manifest.json of shards')
    .option('--out <folder>', 'where checkpoints, metrics and the model go (default: "training" in the first run)')
    .addOption(
      choice(
        '--preset <name>',
        'small: the model that ships, on a CPU; llama-3-8b: the paper',
        trainingPresets,
        'small',
      ),
    ) // prettier-ignore
    .option('--model <dir>', 'the model to start from: config.json, tokenizer.json, *.safetensors')
    .option('--config <file>', 'JSON config, whose keys replace those of the preset, one by one')
    .addOption(choice('--engine <name>', 'our loop on FSDP2, or TRL on the same shards', trainingEngines, 'fsdp2'))
    .addOption(choice('--device <name>', 'auto takes the GPUs where there are any', ['auto', 'cpu', 'cuda'], 'auto'))
    .option('--processes <n>', 'ranks on this machine (default: one per GPU; on a CPU up to 2)', positive)
    .option('--nodes <n>', 'machines; the command is started on each of them', positive, 1)
    .option('--rendezvous <host:port>', 'where the machines meet: the first of them')
    .option('--job-id <id>', 'the same on all machines of one training')
    .option('--python <path>', 'a Python that has PyTorch and Transformers (default: an environment made once)')
    .option('--venv <folder>', 'where that environment is, or is to be made (default: in the cache folder)')
  return withPreviewOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ retrace train runs/first
  $ retrace train runs/first runs/second --preset llama-3-8b --model models/llama-3-8b --out training
  $ retrace train runs/first --preset llama-3-8b --model models/llama-3-8b --nodes 8 --gpus-per-node 8 --gpu-memory 139 --slurm > train.sbatch

Ctrl-C finishes the step at hand, saves and ends; a second one ends at once. The weights of the end are in OUT/model.`,
    )
    .action(async (runs: string[], flags: TrainFlags) => {
      await answerWith(flags, async (context) => {
        const options = optionsOf(runs, flags)
        return flags.print === true || flags.slurm === true
          ? await preview(options, flags, context)
          : await work(options, context)
      })
    })
}

function withPreviewOptions(command: Command): Command {
  return command
    .option('--print', 'show what would be started, with its memory and steps, and start nothing')
    .option('--slurm', 'print a script for sbatch, and start nothing')
    .option(
      '--gpu-memory <gib>',
      'with --print or --slurm: memory of each GPU of the machines that it is for',
      gibibytes,
    )
    .option('--gpus-per-node <n>', 'with --print or --slurm: how many of them each machine has', positive)
}

function choice(flags: string, text: string, names: readonly string[], fallback: string): Option {
  return new Option(flags, text).choices(names).default(fallback)
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Give a whole number, 1 or more.')
  return Number(text)
}

function gibibytes(text: string): number {
  if (!/^\d{1,6}(\.\d{1,6})?$/.test(text) || Number(text) === 0) throw new InvalidArgumentError('Give a number of GiB.')
  return Number(text)
}

function optionsOf(runs: string[], flags: TrainFlags): TrainOptions {
  const { out, preset, model, config, engine, device, python, venv, nodes, rendezvous } = flags
  if (python !== undefined && venv !== undefined) {
    throw new CoreError('CONFIG_INVALID', 'Give --python or --venv, not both: the one is there, the other is made.')
  }
  const isPreview = flags.print === true || flags.slurm === true
  if (nodes > 1 && rendezvous === undefined && flags.slurm !== true) {
    const message = `${nodes} machines have to meet: give --rendezvous HOST:PORT, the same on each, or make a script with --slurm.`
    throw new CoreError('CONFIG_INVALID', message)
  }
  if ((flags.gpuMemory === undefined) !== (flags.gpusPerNode === undefined)) {
    throw new CoreError('CONFIG_INVALID', '--gpu-memory and --gpus-per-node describe a machine together. Give both.')
  }
  if (flags.gpuMemory !== undefined && !isPreview) {
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

/** One press of Ctrl-C can come twice, from the terminal and from a program between. */
const samePressMs = 1000

/** Aborts where a signal comes after the one that asked to stop. */
function secondStop(first: AbortSignal): { kill: AbortSignal; release: () => void } {
  const kill = new AbortController()
  let asked = Infinity
  const onSignal = (): void => {
    if (performance.now() - asked > samePressMs) kill.abort()
  }
  const listen = (): void => {
    asked = performance.now()
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  }
  first.addEventListener('abort', listen, { once: true })
  const release = (): void => {
    first.removeEventListener('abort', listen)
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
  return { kill: kill.signal, release }
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
  return `${what}: ${step} steps, ${facts}. Model: ${model ?? out}\n`
}
