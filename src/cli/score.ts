import type { Command } from 'commander'
import { scoreFile } from '../pipeline/index.js'
import { answerWith, newCommand } from './command.js'
import { configOf, withScorerOptions, type ScorerFlags } from './scorer-options.js'

export function scoreCommand(): Command {
  const command = newCommand('score', 'log-likelihoods of given continuations, many over one prefix')
    .requiredOption('--model <dir>', 'a model folder: config.json, tokenizer.json, model.safetensors')
    .requiredOption('--in <file>', 'requests, one JSON object per line')
    .requiredOption('--out <file>', 'answers, one JSON object per line, in the same order')
    .option('--config <file>', 'JSON config, of which the key "scorer" is used')
  return withScorerOptions(command)
    .addHelpText(
      'after',
      `
A request:  {"id": "a", "prefix": "def add(", "branches": [{"context": "a, b):\\n", "target": "    return a + b\\n"}]}
Each part is text or an array of token ids; text is tokenized part by part. The target is never cut.
An answer:  {"id": "a", "branches": [{"tokens": 7, "sum": -9.1, "mean": -1.3, "logProbs": [...]}]}   (nats)
        or  {"id": "a", "error": {"code": "CONTEXT_TOO_LONG", "message": "..."}}`,
    )
    .action(async (options: ScorerFlags & { model: string; in: string; out: string; json?: boolean }) => {
      await answerWith(options, async (context) => {
        const counts = await scoreFile(options.model, options.in, options.out, configOf(options), context)
        const text = `${counts.answered} requests answered in ${options.out}, ${counts.failed} of them with an error\n`
        return { json: { ...counts, out: options.out }, text }
      })
    })
}
