import { workerTask } from '../../core/index.js'
import { signatureOf } from '../duplicates/minhash.js'
import type { ParsedFile } from '../languages/parsed-file.js'
import { parseFile } from './parse-file.js'
import type { ParseRequest } from './parse-request.js'

/** A file for a thread. */
export interface FileTask extends ParseRequest {
  /** Whether the file's signature is wanted too. */
  sign: boolean
}

export interface FileAnswer {
  parsed: ParsedFile
  /** As base64; `null` where none was wanted, or the file is too short. */
  signature: string | null
}

/** The task of a thread: a batch of files, since one file is too little work for a message. */
export async function parseBatch(batch: readonly FileTask[]): Promise<FileAnswer[]> {
  const answers: FileAnswer[] = []
  for (const task of batch) {
    const parsed = await parseFile(task)
    const signature = task.sign ? signatureOf(task.text) : null
    answers.push({ parsed, signature: signature === null ? null : Buffer.from(signature).toString('base64') })
  }
  return answers
}

export default workerTask(parseBatch)
