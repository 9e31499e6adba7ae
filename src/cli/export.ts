import { Option, type Command } from 'commander'
import { exportFormats, exportRun, type ExportFormat } from '../pipeline/index.js'
import { answerWith } from './command.js'
import { counted } from './counted.js'

interface ExportFlags {
  format: ExportFormat
  out: string
  force?: boolean
  json?: boolean
}

const formats = `
openai-jsonl    a line for each trajectory: {"id", "messages", "tools", "metadata"}
openai-parquet  the same as rows; tools and metadata are JSON
atif            ATIF-v1.7 with an embedded trajectory for each file, and every raw call of a language model

A first version that is wrong has "weight": 0. \`retrace import\` packs all three to the tokens and labels of the run.`

export function configure(command: Command): void {
  command
    .argument('<run>', "a run's folder")
    .addOption(new Option('--format <format>', 'what to write').choices(exportFormats).makeOptionMandatory())
    .requiredOption('--out <path>', 'a file (openai-jsonl, openai-parquet) or a folder with a file for each (atif)')
    .option('--force', 'replace what an earlier export wrote there')
    .addHelpText('after', formats)
    .action((folder: string, flags: ExportFlags) =>
      answerWith(flags, async (context) => {
        const output = { path: flags.out, force: flags.force === true }
        const summary = await exportRun(folder, flags.format, output, context)
        return { json: summary, text: `${counted(summary.trajectories, 'trajectories')} in ${summary.out}\n` }
      }),
    )
}
