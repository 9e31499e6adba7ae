import type { Command } from 'commander'
import { shippedModel } from '../config.js'
import { scoreFile } from '../pipeline/index.js'
import { answerWith } from './command.js'
import { counted } from './counted.js'
import { addScorerOptions, configOf, type ScorerFlags } from './scorer-options.js'

interface ScoreFlags extends ScorerFlags {
  model?: string
  in: string
  out: string
  json?: boolean
}

const formats = `
A request:  {"id": "a", "prefix": "def add(", "branches": [{"context": "a, b):\\n", "target": "    return a + b\\n"}]}
Each part is text or an array of token ids; text is tokenized part by part. The target is never cut.
An answer:  {"id": "a", "branches": [{"tokens": 7, "sum": -9.1, "mean": -1.3, "logProbs": [...]}]}   (nats)
        or  {"id": "a", "error": {"code": "CONTEXT_TOO_LONG", "message": "..."}}`

export function configure(command: Command): void {
  command
    .option('--model <dir>', 'config.json, tokenizer.json, model.safetensors (default: the small model that ships)')
    .requiredOption('--in <file>', 'requests, one JSON object per line')
    .requiredOption('--out <file>', 'answers, one JSON object per line, in the same order')
    .option('--config <file>', 'JSON config, of which the key "scorer" is used')
  addScorerOptions(command)
    .addHelpText('after', formats)
    .action((flags: ScoreFlags) =>
      answerWith(flags, async (context) => {
        const counts = await scoreFile(flags.model ?? shippedModel(), flags.in, flags.out, configOf(flags), context)
        const text = `${counted(counts.answered, 'requests')} answered in ${flags.out}, ${counts.failed} of them with an error\n`
        return { json: { ...counts, out: flags.out }, text }
      }),
    )
}
