import type { Command } from './command.js'
import type { PaperKey } from './paper-figures.js'

/** A suite that runs from a clone of its own repository. */
export type OutsideFolder = 'helmet' | 'longcodebench' | 'aptbench'

/** A model, and what an outside suite is told about it. */
export interface OutsideRequest {
  modelDir: string
  /** Path of a link to the model's folder; no other model has the same. */
  modelLink: string
  contextLength: number
  /** Folder for the results, empty at first. */
  out: string
  device: 'auto' | 'cpu' | 'cuda'
  python: string
  /** The most examples of a task; `null`: all. */
  limit: number | null
  folders: Partial<Record<OutsideFolder, string>>
  /** Whether code that the model wrote may be run on this machine. */
  allowGeneratedCode: boolean
}

/** A requirement of a suite. */
export type Need =
  | { kind: 'modules'; modules: readonly string[]; install: string }
  | { kind: 'program'; program: string; from: string }
  | { kind: 'folder'; folder: OutsideFolder; from: string; holds: readonly string[] }
  | { kind: 'context'; tokens: number }
  | { kind: 'generated-code' }

/** A suite of another project: how it is run and how its results are read. */
export interface OutsideSuite {
  title: string
  /** The figures of the paper that it measures. */
  paper: readonly PaperKey[]
  needs: readonly Need[]
  /** What it downloads while it runs, named where it fails. */
  fetches: string
  commands(request: OutsideRequest): Command[]
  /** Figures by name, in percent. @throws TrainingError `RESULTS_INVALID` */
  read(request: OutsideRequest): Record<string, number>
}
