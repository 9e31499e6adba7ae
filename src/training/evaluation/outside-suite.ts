import type { Command } from './command.js'
import type { PaperKey } from './paper-figures.js'

/** Repositories of others that a person has on the disk. */
export const outsideFolders = ['helmet', 'longcodebench', 'aptbench'] as const
export type OutsideFolder = (typeof outsideFolders)[number]

/** One model and what an outside suite may know of it. */
export interface OutsideRequest {
  modelDir: string
  /** Another name under which the model's folder can be reached, that no other model has. */
  modelLink: string
  contextLength: number
  /** Where results go; empty before. */
  out: string
  device: 'auto' | 'cpu' | 'cuda'
  python: string
  /** Most examples of a task; `null`: all. */
  limit: number | null
  folders: Partial<Record<OutsideFolder, string>>
  /** Whether code that the model wrote may be run on this machine. */
  allowGeneratedCode: boolean
}

/** What has to be there before a suite can run. */
export type Need =
  | { kind: 'modules'; modules: readonly string[]; install: string }
  | { kind: 'program'; program: string; from: string }
  | { kind: 'folder'; folder: OutsideFolder; from: string; holds: readonly string[] }
  | { kind: 'context'; tokens: number }
  | { kind: 'generated-code' }

/** A suite that others wrote: how it is run here, and how its answer is read. */
export interface OutsideSuite {
  title: string
  /** Figures of the paper that it gives. */
  paper: readonly PaperKey[]
  needs: readonly Need[]
  /** What it fetches while it runs, for a person whose machine has no network. */
  fetches: string
  commands(request: OutsideRequest): Command[]
  /** Figures by name, in percent. @throws TrainingError `RESULTS_INVALID` */
  read(request: OutsideRequest): Record<string, number>
}
