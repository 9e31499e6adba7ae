import { existsSync } from 'node:fs'
import { commandText, planText } from './command-text.js'
import { inspectRequest } from './inspect-request.js'
import { planTraining } from './plan-training.js'
import type { TrainingPlan } from './plan.js'
import { machineWithoutProbe, probePython, type Machine } from './probe.js'
import { slurmScript } from './slurm.js'
import type { TrainingRequest } from './request.js'

/** What `train` would start for a request. */
export interface TrainingPreview {
  plan: TrainingPlan
  /** For a person: ranks, steps, mixture and memory. */
  text: string
  /** For a shell. */
  command: string
  /** For `sbatch`. */
  slurm: string
}

/** The GPUs of another machine than this one. */
export interface TargetMachine {
  gpus: number
  /** Of each GPU. */
  memoryBytes: number
}

/** Cores that clusters commonly allot to a GPU. */
const coresPerGpu = 8

/**
 * Decides what `train` would decide, for this machine or another one. Writes and starts nothing.
 *
 * @throws as `train` does before it starts
 */
export async function previewTraining(
  request: TrainingRequest,
  target: TargetMachine | null,
  signal?: AbortSignal,
): Promise<TrainingPreview> {
  const inspection = inspectRequest(request)
  const { machine, notes } =
    target === null ? await probeThisMachine(request.python, signal) : { machine: asMachine(target), notes: [] }
  const plan = planTraining({ request, ...inspection, machine })
  plan.notes.push(...notes)
  return {
    plan,
    text: planText(plan),
    command: commandText(plan, request.python, request.launch, inspection.record),
    slurm: slurmScript(plan, request.python, inspection.record),
  }
}

async function probeThisMachine(
  python: string,
  signal: AbortSignal | undefined,
): Promise<{ machine: Machine; notes: string[] }> {
  // The system looks up a name without a folder.
  if (existsSync(python) || !python.includes('/')) return { machine: await probePython(python, signal), notes: [] }
  const note = `${python} is not there yet: \`retrace train\` makes it, and sees then whether there is a GPU.`
  return { machine: machineWithoutProbe(), notes: [note] }
}

function asMachine({ gpus, memoryBytes }: TargetMachine): Machine {
  const cuda = Array.from({ length: gpus }, () => ({ name: 'as given', memoryBytes }))
  return { cuda, cpuCount: gpus * coresPerGpu, availableBytes: Number.MAX_SAFE_INTEGER }
}
