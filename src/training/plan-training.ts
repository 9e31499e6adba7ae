import { resolve } from 'node:path'
import { TrainingError } from './errors.js'
import { memoryAdvice, type TightJob } from './memory-advice.js'
import { estimateMemory, formatGib, totalBytes, type MemoryEstimate } from './memory.js'
import type { Inspection } from './inspect-request.js'
import type { TrainingConfig } from './options.js'
import type { TrainingJob, TrainingPlan } from './plan.js'
import type { Machine } from './probe.js'
import type { TrainingRequest } from './request.js'

interface PlanInput extends Inspection {
  request: TrainingRequest
  machine: Machine
}

/**
 * Decides how many processes train and whether the job fits into their memory. Reads and starts nothing.
 *
 * @throws TrainingError `DEVICE_UNAVAILABLE`, `WORLD_SIZE_INVALID`, `MEMORY_TOO_SMALL`
 */
export function planTraining({ request, shape, shards, data, sizes, machine }: PlanInput): TrainingPlan {
  const { config, launch } = request
  const device = chooseDevice(request.device, machine)
  const { processes, notes } = chooseProcesses(request, device, machine, sizes)
  const worldSize = processes * launch.nodes

  const tokens = config.microBatchRows * data.rowTokens
  const memory = estimateMemory(shape, config, { ranks: worldSize, tokens, device })
  const availableBytes = memoryOfRank(device, processes, machine)
  if (totalBytes(memory) > availableBytes) {
    const ranks = { device, processes, nodes: launch.nodes, worldSize, sizes }
    refuseMemory({ shape, config, tokens, rowTokens: data.rowTokens, ...ranks, memory, availableBytes })
  }
  const job: TrainingJob = {
    schemaVersion: 1,
    out: resolve(request.out),
    model: resolve(request.modelDir),
    shards: shards.map(({ folder }) => folder),
    engine: request.engine,
    device,
    threads: Math.max(1, Math.floor(machine.cpuCount / processes)),
    config,
  }
  const rowsPerRank = config.batchRows / worldSize
  const plan = { device, processes, nodes: launch.nodes, worldSize, rowsPerRank, data, memory, availableBytes, job }
  return { ...plan, notes: [...notes, ...tightMemoryNotes(memory, availableBytes)] }
}

function chooseDevice(requested: TrainingRequest['device'], machine: Machine): 'cpu' | 'cuda' {
  if (requested === 'auto') return machine.cuda.length > 0 ? 'cuda' : 'cpu'
  if (requested === 'cpu' || machine.cuda.length > 0) return requested
  const message =
    'No GPU is usable from this Python. Check the driver and that its PyTorch is built for CUDA, or take --device cpu.'
  throw new TrainingError('DEVICE_UNAVAILABLE', message)
}

// Two ranks on a CPU show that several work together; more would only wait for memory.
const maxCpuProcesses = 2

function chooseProcesses(
  { launch, config }: TrainingRequest,
  device: 'cpu' | 'cuda',
  machine: Machine,
  sizes: readonly number[],
): { processes: number; notes: string[] } {
  const { nodes } = launch
  const fits = (processes: number): boolean => sizes.includes(processes * nodes)
  if (launch.processes !== null) {
    if (device === 'cuda' && launch.processes > machine.cuda.length) {
      const gpus = machine.cuda.length === 1 ? 'is 1 GPU' : `are ${machine.cuda.length} GPUs`
      const message = `${launch.processes} processes were asked for, and there ${gpus}. Each takes one: lower --processes.`
      throw new TrainingError('DEVICE_UNAVAILABLE', message)
    }
    if (fits(launch.processes)) return { processes: launch.processes, notes: [] }
    throw sizeError(launch.processes * nodes, config, sizes)
  }
  const most = device === 'cuda' ? machine.cuda.length : Math.min(machine.cpuCount, maxCpuProcesses)
  for (let processes = most; processes > 0; processes--) {
    if (!fits(processes)) continue
    const note = `${processes} of ${most} ${device === 'cuda' ? 'GPUs' : 'cores'} train, since batchRows is ${config.batchRows}.`
    return { processes, notes: processes === most ? [] : [note] }
  }
  throw sizeError(nodes * most, config, sizes)
}

function sizeError(worldSize: number, config: TrainingConfig, sizes: readonly number[]): TrainingError {
  const { batchRows, microBatchRows } = config
  const message = `${worldSize} ranks cannot share ${batchRows} rows a step evenly in micro-batches of ${microBatchRows}. Numbers that can: ${sizes.join(', ')}. Change --processes, --nodes or batchRows.`
  return new TrainingError('WORLD_SIZE_INVALID', message, { worldSize, sizes })
}

function memoryOfRank(device: 'cpu' | 'cuda', processes: number, machine: Machine): number {
  if (device === 'cpu') return machine.availableBytes / processes
  return Math.min(...machine.cuda.slice(0, processes).map(({ memoryBytes }) => memoryBytes))
}

function refuseMemory(job: TightJob): never {
  const needed = totalBytes(job.memory)
  const { weights, gradients, moments } = job.memory
  const states = weights + gradients + moments
  const parts = `${formatGib(states)} of weights, gradients and moments, ${formatGib(needed - states)} for micro-batches of ${job.tokens} tokens`
  const ranks = job.worldSize === 1 ? 'The only rank' : `Each of ${job.worldSize} ranks`
  const message = `${ranks} would need ${formatGib(needed)} (${parts}), and there are ${formatGib(job.availableBytes)}. ${memoryAdvice(job)}`
  throw new TrainingError('MEMORY_TOO_SMALL', message, { needed, available: job.availableBytes, parts: job.memory })
}

/** The estimate is accurate to a few per cent, so a job that nearly fills the memory gets a note. */
const tightShare = 0.93

function tightMemoryNotes(memory: MemoryEstimate, availableBytes: number): string[] {
  const needed = totalBytes(memory)
  if (needed <= tightShare * availableBytes) return []
  return [`Memory is tight: about ${formatGib(needed)} of ${formatGib(availableBytes)} for each rank.`]
}
