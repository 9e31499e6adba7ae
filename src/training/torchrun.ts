import { join } from 'node:path'
import { pythonEnv } from './probe.js'
import type { TrainingPlan } from './plan-training.js'
import type { LaunchOptions } from './train.js'

/** What the ranks find in their environment beside ours. */
export function launchEnv({ device, job }: TrainingPlan): Record<string, string> {
  return {
    ...pythonEnv(),
    OMP_NUM_THREADS: String(job.threads),
    // Everything is in the folders that were named; nothing is looked up or fetched.
    HF_HUB_OFFLINE: '1',
    TOKENIZERS_PARALLELISM: 'false',
    // Rows differ in their lengths, and fixed segments of memory would be left with gaps.
    ...(device === 'cuda' ? { PYTORCH_ALLOC_CONF: allocator() } : {}),
    ...(device === 'cuda' && job.config.deterministic ? { CUBLAS_WORKSPACE_CONFIG: ':4096:8' } : {}),
  }
}

/** What a person set stays, also by the name that it has in older releases. */
function allocator(): string {
  return process.env['PYTORCH_ALLOC_CONF'] ?? process.env['PYTORCH_CUDA_ALLOC_CONF'] ?? 'expandable_segments:True'
}

/** How ranks of one machine, or of several, find each other; words of a shell where a script fills them in. */
export interface Meeting {
  nodes: number
  rendezvous: string | null
  jobId: string | null
}

export function meetingOf({ nodes, rendezvous, jobId }: LaunchOptions): Meeting {
  return { nodes, rendezvous, jobId }
}

/** The arguments after the interpreter. */
export function torchrunArguments(plan: TrainingPlan, meeting: Meeting, logs: string | null): string[] {
  const { nodes, rendezvous, jobId } = meeting
  // A machine by itself needs no name that others could resolve.
  const alone = ['--standalone', '--local-addr', '127.0.0.1']
  const among = ['--nnodes', String(nodes), '--rdzv-backend', 'c10d', '--rdzv-endpoint', rendezvous ?? '']
  return [
    '-m',
    'torch.distributed.run',
    ...(rendezvous === null ? alone : [...among, '--rdzv-id', jobId ?? 'retrace']),
    '--nproc-per-node',
    String(plan.processes),
    ...(logs === null ? [] : ['--log-dir', logs, '--redirects', '3']),
    '-m',
    'retrace_train',
    '--job',
    join(plan.job.out, 'job.json'),
  ]
}
