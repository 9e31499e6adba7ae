import type { Command } from 'commander'
import { loadRunConfig } from '../config.js'
import { scoreFile } from '../pipeline/index.js'
import { answerWith, newCommand } from './command.js'

export function scoreCommand(): Command {
  return newCommand('score', 'log-likelihoods of given continuations, many over one prefix')
    .requiredOption('--model <dir>', 'a model folder: config.json, tokenizer.json, model.safetensors')
    .requiredOption('--in <file>', 'requests, one JSON object per line')
    .requiredOption('--out <file>', 'answers, one JSON object per line, in the same order')
    .option('--config <file>', 'JSON config, of which the key "scorer" is used')
    .addHelpText(
      'after',
      `
A request:  {"id": "a", "prefix": "def add(", "branches": [{"context": "a, b):\\n", "target": "    return a + b\\n"}]}
Each part is text or an array of token ids; text is tokenized part by part. The target is never cut.
An answer:  {"id": "a", "branches": [{"tokens": 7, "sum": -9.1, "mean": -1.3, "logProbs": [...]}]}   (nats)
        or  {"id": "a", "error": {"code": "CONTEXT_TOO_LONG", "message": "..."}}`,
    )
    .action(async (options: { model: string; in: string; out: string; config?: string; json?: boolean }) => {
      await answerWith(options, async (context) => {
        const counts = await scoreFile(options.model, options.in, options.out, loadRunConfig(options.config), context)
        const text = `${counts.answered} requests answered in ${options.out}, ${counts.failed} of them with an error\n`
        return { json: { ...counts, out: options.out }, text }
      })
    })
}
