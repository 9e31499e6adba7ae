import { Option, type Command } from 'commander'
import { exportFormats, exportRun, type ExportFormat } from '../pipeline/index.js'
import { answerWith, newCommand } from './command.js'

export function exportCommand(): Command {
  return newCommand('export', "write a run's trajectories in a format that others read")
    .argument('<run>', "a run's folder")
    .addOption(new Option('--format <format>', 'what to write').choices(exportFormats).makeOptionMandatory())
    .requiredOption('--out <path>', 'a file (openai-jsonl, openai-parquet) or a folder with a file for each (atif)')
    .option('--force', 'replace what an earlier export wrote there')
    .addHelpText(
      'after',
      `
openai-jsonl    a line for each trajectory: {"id", "messages", "tools", "metadata"}
openai-parquet  the same as rows; tools and metadata are JSON
atif            ATIF-v1.7 with an embedded trajectory for each file, and every raw call of a language model

A first version that is wrong has "weight": 0. \`retrace import\` packs all three to the tokens and labels of the run.`,
    )
    .action(async (folder: string, options: { format: ExportFormat; out: string; force?: boolean; json?: boolean }) => {
      await answerWith(options, async (context) => {
        const { format, out, force } = options
        const summary = await exportRun(folder, format, { path: out, force: force === true }, context)
        return { json: summary, text: `${summary.trajectories} trajectories in ${summary.out}\n` }
      })
    })
}
