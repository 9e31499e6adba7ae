import { workerTask } from '../core/index.js'
import { parseFile, type ParsedFile, type ParseRequest } from './parse-file.js'

/** A thread's task: a batch of files, since one file is too little work for a message. */
export default workerTask(async (batch: ParseRequest[]): Promise<ParsedFile[]> => {
  const parsed: ParsedFile[] = []
  for (const request of batch) parsed.push(await parseFile(request))
  return parsed
})
