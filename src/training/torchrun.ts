import { join } from 'node:path'
import type { TrainingPlan } from './plan.js'
import { pythonEnv } from './probe.js'
import type { LaunchOptions } from './request.js'

/** Environment variables of the ranks. */
export function launchEnv({ device, job }: TrainingPlan): Record<string, string> {
  return {
    ...pythonEnv(),
    OMP_NUM_THREADS: String(job.threads),
    // Everything is in the folders that were named; nothing is downloaded.
    HF_HUB_OFFLINE: '1',
    TOKENIZERS_PARALLELISM: 'false',
    // Rows differ in length, and fixed segments of memory would keep gaps.
    ...(device === 'cuda' ? { PYTORCH_ALLOC_CONF: allocator() } : {}),
    ...(device === 'cuda' && job.config.deterministic ? { CUBLAS_WORKSPACE_CONFIG: ':4096:8' } : {}),
  }
}

/** A setting of the user's own is kept, also under the name of older releases. */
function allocator(): string {
  return process.env['PYTORCH_ALLOC_CONF'] ?? process.env['PYTORCH_CUDA_ALLOC_CONF'] ?? 'expandable_segments:True'
}

/** How the ranks of one machine, or of several, find each other. */
type Rendezvous = Omit<LaunchOptions, 'processes'>

/** The arguments after the interpreter. */
export function torchrunArguments(
  plan: TrainingPlan,
  { nodes, rendezvous, jobId }: Rendezvous,
  logs: string | null,
): string[] {
  // A single machine needs no name that others could resolve.
  const single = ['--standalone', '--local-addr', '127.0.0.1']
  const several = ['--nnodes', String(nodes), '--rdzv-backend', 'c10d', '--rdzv-endpoint', rendezvous ?? '']
  return [
    '-m',
    'torch.distributed.run',
    ...(rendezvous === null ? single : [...several, '--rdzv-id', jobId ?? 'retrace']),
    '--nproc-per-node',
    String(plan.processes),
    ...(logs === null ? [] : ['--log-dir', logs, '--redirects', '3']),
    '-m',
    'retrace_train',
    '--job',
    join(plan.job.out, 'job.json'),
  ]
}
