import type { Command } from 'commander'

interface CommandEntry {
  name: string
  summary: string
  /** Loads the command's file, and with it the rooms that it needs. */
  load: () => Promise<{ configure: (command: Command) => void }>
}

/** Every command, in the order of the help. To add one: a file that exports `configure`, and its entry here. */
export const commandTable: readonly CommandEntry[] = [
  {
    name: 'run',
    summary: 'take repositories to packed shards and a report',
    load: () => import('./run.js'),
  },
  {
    name: 'ground',
    summary: 'show what a repository is made of: files, imports, cycles, order; writes nothing',
    load: () => import('./ground.js'),
  },
  {
    name: 'replay',
    summary: "run every trajectory of a run in an empty folder and compare with the repository's files",
    load: () => import('./replay.js'),
  },
  {
    name: 'score',
    summary: 'log-likelihoods of given continuations, many over one prefix',
    load: () => import('./score.js'),
  },
  {
    name: 'eval',
    summary: 'measure what checkpoints are worth, side by side',
    load: () => import('./eval.js'),
  },
  {
    name: 'pack',
    summary: 'pack the trajectories of a run again, with other options where they are given',
    load: () => import('./pack.js'),
  },
  {
    name: 'train',
    summary: 'train a model on packed shards; the same command again goes on',
    load: () => import('./train.js'),
  },
  {
    name: 'export',
    summary: "write a run's trajectories in a format that others read",
    load: () => import('./export.js'),
  },
  {
    name: 'import',
    summary: "pack conversations of other programs' files",
    load: () => import('./import.js'),
  },
  {
    name: 'report',
    summary: "write a run's report.html again",
    load: () => import('./report.js'),
  },
  {
    name: 'ablate',
    summary: 'train on bare code and on trajectories, equal tokens each, and measure what that is worth',
    load: () => import('./ablate.js'),
  },
  {
    name: 'build-native',
    summary: 'build the native engine on this machine, for its GPU too where there is an nvcc',
    load: () => import('./build-native.js'),
  },
  {
    name: 'doctor',
    summary: 'look for what a run needs on this machine; pays for no call and writes nothing',
    load: () => import('./doctor.js'),
  },
]
