import { existsSync } from 'node:fs'
import { commandText, planText } from './command-text.js'
import { inspectRequest } from './inspect-request.js'
import { planTraining, type TrainingPlan } from './plan-training.js'
import { machineWithoutProbe, probePython, type Machine } from './probe.js'
import { slurmScript } from './slurm.js'
import type { TrainingRequest } from './train.js'

/** What a request would start. */
export interface TrainingPreview {
  plan: TrainingPlan
  /** For a person: ranks, steps, mixture and memory. */
  text: string
  /** For a shell. */
  command: string
  /** For `sbatch`. */
  slurm: string
}

/** A machine that is not this one. */
export interface TargetMachine {
  gpus: number
  /** Of each GPU. */
  memoryBytes: number
}

/** Cores that clusters commonly give with a GPU. */
const coresPerGpu = 8

/**
 * Decides all that `train` would decide, on this machine or for another, and writes and starts nothing.
 *
 * @throws as `train` does before it starts
 */
export async function previewTraining(
  request: TrainingRequest,
  target: TargetMachine | null,
  signal?: AbortSignal,
): Promise<TrainingPreview> {
  const inspection = inspectRequest(request)
  const { machine, notes } = target === null ? await lookHere(request.python, signal) : { machine: asMachine(target), notes: [] } // prettier-ignore
  const plan = planTraining({ request, ...inspection, machine })
  plan.notes.push(...notes)
  return {
    plan,
    text: planText(plan),
    command: commandText(plan, request.python, request.launch, inspection.record),
    slurm: slurmScript(plan, request.python, inspection.record),
  }
}

async function lookHere(
  python: string,
  signal: AbortSignal | undefined,
): Promise<{ machine: Machine; notes: string[] }> {
  // A name without a folder is looked up by the system.
  if (existsSync(python) || !python.includes('/')) return { machine: await probePython(python, signal), notes: [] }
  const note = `${python} is not there yet: \`retrace train\` makes it, and sees then whether there is a GPU.`
  return { machine: machineWithoutProbe(), notes: [note] }
}

function asMachine({ gpus, memoryBytes }: TargetMachine): Machine {
  const cuda = Array.from({ length: gpus }, () => ({ name: 'as given', memoryBytes }))
  return { cuda, cpuCount: gpus * coresPerGpu, availableBytes: Number.MAX_SAFE_INTEGER }
}
