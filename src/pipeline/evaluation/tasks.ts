import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { EvaluationTask } from '../../records/index.js'
import { documentTokens } from '../../rendering/index.js'
import type { Tokenizer } from '../../tokenizer/index.js'
import type { EvaluationRepositories } from './repositories.js'

/** What tasks are made from. The same parts give the same tasks. */
export interface TaskSource {
  repositories: EvaluationRepositories
  tokenizer: Pick<Tokenizer, 'encode' | 'encodeSegments' | 'special'>
  /** Positions of the model; context and answer together never take more. */
  contextLength: number
  seed: number
}

/** The token that opens every document, as in packing. */
export const openingToken = documentTokens.begin

/** Whether a file holds code, and not text in no language that grounding knows. */
export const isCode = ({ language }: { language: string }): boolean => language !== 'text'

/** Writes tasks, one to a line. @returns how many there are, and the SHA-256 of the file */
export function writeTasks(path: string, tasks: Iterable<EvaluationTask>): { count: number; digest: string } {
  mkdirSync(dirname(path), { recursive: true })
  const hash = createHash('sha256')
  const file = openSync(path, 'w')
  let count = 0
  try {
    for (const task of tasks) {
      const line = Buffer.from(`${JSON.stringify(task)}\n`)
      for (let written = 0; written < line.length;) written += writeSync(file, line, written)
      hash.update(line)
      count++
    }
  } finally {
    closeSync(file)
  }
  return { count, digest: hash.digest('hex') }
}
