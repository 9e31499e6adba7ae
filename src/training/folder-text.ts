import { join } from 'node:path'
import type { TrainingJob } from './plan.js'
import { heredoc, refuseLineEnds, shellQuote } from './shell-text.js'
import { jobText, recordText, type TrainingRecord } from './training-folder.js'

/** Shell lines that make a training folder as `openTrainingFolder` does, or exit where it holds another training. */
export function folderLines(job: TrainingJob, record: TrainingRecord): string[] {
  const out = refuseLineEnds(job.out)
  const at = (name: string): string => shellQuote(join(out, name))
  const [config, draft] = [at('config.json'), `${at('config.json')}.$$.tmp`]
  return [
    `mkdir -p ${shellQuote(out)}`,
    ...heredoc(draft, recordText(record)),
    `if [ -e ${config} ] && ! cmp -s ${config} ${draft}; then`,
    `  echo ${shellQuote(`RUN_MISMATCH: ${out} holds another training. Give another --out.`)} >&2`,
    `  rm -f ${draft}`,
    '  exit 2',
    'fi',
    `mv ${draft} ${config}`,
    ...heredoc(at('job.json'), jobText(job)),
    `rm -f ${at('failure.json')} ${at('stop')}`,
  ]
}
