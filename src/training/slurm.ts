import { basename, join } from 'node:path'
import { folderLines } from './folder-text.js'
import type { TrainingPlan } from './plan.js'
import { refuseLineEnds, shellQuote } from './shell-text.js'
import { launchEnv, torchrunArguments } from './torchrun.js'
import type { TrainingRecord } from './training-folder.js'

/** Seconds before the time limit in which the current step is finished and saved. */
const savingSeconds = 300
const rendezvousPort = 29_400

/**
 * A script for `sbatch` that trains, saves before its time limit and queues itself again until training is done. It holds
 * the whole job, so that the machines need our Python packages, the interpreter and the data, but no Node.
 */
export function slurmScript(plan: TrainingPlan, python: string, record: TrainingRecord): string {
  const { job, nodes, processes, device } = plan
  const out = refuseLineEnds(job.out)
  const at = (name: string): string => shellQuote(join(out, name))
  // Known only when the script runs: the script's own variables take the place of these two words.
  const rendezvous = { nodes, rendezvous: 'RENDEZVOUS', jobId: 'JOB' }
  const words = torchrunArguments(plan, rendezvous, null).map(
    (word) => placeholders[word] ?? shellQuote(refuseLineEnds(word)),
  )
  const cpus = processes * job.threads
  // srun does not inherit the number of CPUs from sbatch.
  const srunOptions = `--kill-on-bad-exit=1 --cpus-per-task=${cpus}`
  return [
    '#!/bin/bash',
    `#SBATCH --job-name=${slurmWord(`retrace-${basename(out)}`)}`,
    `#SBATCH --nodes=${nodes}`,
    '#SBATCH --ntasks-per-node=1',
    ...(device === 'cuda' ? [`#SBATCH --gpus-per-node=${processes}`] : []),
    `#SBATCH --cpus-per-task=${cpus}`,
    '#SBATCH --time=24:00:00',
    `#SBATCH --signal=B:USR1@${savingSeconds}`,
    '#SBATCH --requeue',
    '#SBATCH --open-mode=append',
    '# Further options of the cluster (account, partition, memory) go here. Submit it from where its output shall lie.',
    'set -euo pipefail',
    '',
    ...folderLines(job, record),
    '',
    ...Object.entries(launchEnv(plan)).map(([name, value]) => `export ${name}=${shellQuote(refuseLineEnds(value))}`),
    'first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)',
    '',
    '# Before the time is up, or when the job is cancelled, the file asks the ranks to finish their step, to save and to end.',
    `stop=${at('stop')}`,
    'again=no',
    `trap 'asked=yes; again=yes; touch "$stop"' USR1`,
    `trap 'asked=yes; touch "$stop"' TERM`,
    `srun ${srunOptions} ${[shellQuote(refuseLineEnds(python)), ...words].join(' ')} &`,
    'running=$!',
    '# A signal ends the wait and not the work.',
    'while :; do',
    '  asked=no code=0',
    '  wait "$running" || code=$?',
    '  [ "$asked" = yes ] && [ "$code" -gt 128 ] || break',
    'done',
    `if [ "$again" = yes ] && [ "$code" -eq 0 ] && [ ! -d ${at('model')} ]; then`,
    '  scontrol requeue "$SLURM_JOB_ID"',
    'fi',
    `if [ -e ${at('failure.json')} ]; then cat ${at('failure.json')} >&2; fi`,
    'exit "$code"',
    '',
  ].join('\n')
}

const placeholders: Record<string, string> = {
  RENDEZVOUS: `"$first:${rendezvousPort}"`,
  JOB: '"$SLURM_JOB_ID-${SLURM_RESTART_COUNT:-0}"',
}

function slurmWord(text: string): string {
  return text.replace(/[^\w.-]/g, '-')
}
