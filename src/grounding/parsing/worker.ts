import { workerTask } from '../../core/index.js'
import { signatureOf } from '../duplicates/minhash.js'
import { parseFile, type ParsedFile, type ParseRequest } from './parse-file.js'

/** A file for a thread; `sign` asks for its signature as well. */
export interface FileTask extends ParseRequest {
  sign: boolean
}

export interface FileAnswer {
  parsed: ParsedFile
  /** As base64; `null` where none was asked for or the file is too short for one. */
  signature: string | null
}

/** A thread's task: a batch of files, since one file is too little work for a message. */
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
