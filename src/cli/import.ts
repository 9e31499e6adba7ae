import type { Command } from 'commander'
import { loadRunConfig, shippedModel } from '../config.js'
import { importConversations, type ImportSummary } from '../pipeline/index.js'
import { answerWith } from './command.js'
import { counted } from './counted.js'

interface ImportFlags {
  out: string
  force?: boolean
  model?: string
  config?: string
  json?: boolean
}

export function configure(command: Command): void {
  command
    .argument('<file...>', 'OpenAI messages (.jsonl, .parquet), ATIF (.json), or folders of such files')
    .requiredOption('--out <folder>', 'where the shards go')
    .option('--model <dir>', 'a folder with tokenizer.json (default: the small model that ships)')
    .option('--config <file>', 'JSON config, of which "packing" and "seed" are used')
    .option('--force', 'replace what an earlier import wrote there')
    .addHelpText(
      'after',
      `
A row that is no conversation is left out, and listed in rejects.jsonl with its line and the reason. What a file says
is data: no text in it becomes a special token. Messages with "weight": 0 and copied steps are never trained.`,
    )
    .action((files: string[], flags: ImportFlags) =>
      answerWith(flags, async (context) => {
        const output = { path: flags.out, force: flags.force === true }
        const config = loadRunConfig(flags.config)
        const summary = await importConversations(files, output, flags.model ?? shippedModel(), config, context)
        return { json: summary, text: describeImport(summary, flags.out) }
      }),
    )
}

function describeImport({ rows, conversations, rejects, packing }: ImportSummary, out: string): string {
  const reasons = Object.entries(rejects).map(([reason, count]) => `${count} ${reason}`)
  const leftOut = reasons.length === 0 ? '' : `; left out: ${reasons.join(', ')}, see rejects.jsonl`
  const tokens = `${counted(packing.tokens, 'tokens')}, ${packing.trainedTokens} of them trained`
  return [
    `${counted(conversations, 'conversations')} of ${counted(rows, 'rows')}${leftOut}`,
    `${counted(packing.rows, 'packed rows')}, ${tokens}, in ${out}`,
    '',
  ].join('\n')
}
