import type { Command } from 'commander'
import { loadRunConfig, shippedModel } from '../config.js'
import { importConversations, type ImportSummary } from '../pipeline/index.js'
import { answerWith, newCommand } from './command.js'

export function importCommand(): Command {
  return newCommand('import', "pack conversations of other programs' files")
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
    .action(async (files: string[], options: ImportFlags) => {
      await answerWith(options, async (context) => {
        const { out, force, model, config } = options
        const output = { path: out, force: force === true }
        const summary = await importConversations(
          files,
          output,
          model ?? shippedModel(),
          loadRunConfig(config),
          context,
        )
        return { json: summary, text: describeImport(summary, out) }
      })
    })
}

interface ImportFlags {
  out: string
  force?: boolean
  model?: string
  config?: string
  json?: boolean
}

function describeImport({ rows, conversations, rejects, packing }: ImportSummary, out: string): string {
  const reasons = Object.entries(rejects).map(([reason, count]) => `${count} ${reason}`)
  const leftOut = reasons.length === 0 ? '' : `; left out: ${reasons.join(', ')}, see rejects.jsonl`
  return [
    `${conversations} conversations of ${rows} rows${leftOut}`,
    `${packing.rows} packed rows, ${packing.tokens} tokens, ${packing.trainedTokens} of them trained, in ${out}`,
    '',
  ].join('\n')
}
