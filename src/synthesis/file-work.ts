import type { BlobStore } from '../core/index.js'
import type { Generator, ThoughtRequest } from '../generation/index.js'
import type { FileRecord, RepositorySnapshot, Step, Thought } from '../records/index.js'
import type { Checker } from './debugging/checker.js'
import type { Disk } from './disk.js'
import type { SynthesisOptions } from './options.js'
import { lineNumber } from '../tools/index.js'
import type { Part } from './split-file.js'

/** What the agents of all files of a repository share. */
export interface RepositoryWork {
  snapshot: RepositorySnapshot
  files: ReadonlyMap<string, FileRecord>
  generator: Generator
  options: SynthesisOptions
  blobs: BlobStore
  checker: Checker
  seed: number
}

/** What the agent of one file has when the turn of its file comes. */
export interface FileWork extends RepositoryWork {
  file: FileRecord
  purpose: string
  bytes: Uint8Array
  /** The files that are written before this one. */
  disk: Disk
  /** Paths of the files that the agent has read. */
  read: string[]
}

/** The fields that every request of this agent to the generator has. */
export function fileRequest({ snapshot, file, purpose, disk, read }: FileWork): Omit<ThoughtRequest, 'leadsTo'> {
  return { snapshot, path: file.path, purpose, written: disk, read: [...read] }
}

/** Asks the generator for the thought before a part of the file is written. */
export function thoughtBeforePart(work: FileWork, { start, end }: Part): Promise<Thought> {
  const code = work.options.showCode ? decodeUtf8(work.bytes.subarray(start, end)) : null
  return work.generator.thought({ ...fileRequest(work), leadsTo: { kind: 'code', start, end, code } })
}

const decodeUtf8 = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)

/** The action that writes a part of the true file when all parts before it are written. */
export function writeAction({ file, bytes }: FileWork, { start, end }: Part): Step['action'] {
  const { path, blob } = file
  const content = { blob, start, end }
  if (start === 0) return { tool: 'Write', path, content }
  return { tool: 'Edit', path, start, end: start, startLine: lineNumber(bytes, start), replacedLines: 0, content }
}
