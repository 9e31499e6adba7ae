import type { Command } from 'commander'
import {
  describeEvaluation,
  evaluate,
  evaluationCommands,
  evaluationSuiteNames,
  parseSuites,
  type EvaluationRequest,
} from '../pipeline/index.js'
import { answerWith } from './command.js'
import { addPythonOptions, wholeNumber, type PythonFlags } from './options.js'

interface EvalFlags extends PythonFlags {
  data?: string
  out?: string
  suites: string
  limit?: number
  helmet?: string
  longcodebench?: string
  aptbench?: string
  allowGeneratedCode?: boolean
  print?: boolean
  json?: boolean
  quiet?: boolean
}

export function configure(command: Command): void {
  command
    .argument('<model...>', 'model folders (config.json, tokenizer.json, weights), or folders of `retrace train`')
    .option('--data <run>', "a run's folder; its repositories, which no model was trained on, make the offline suites")
    .option('--out <file>', 'JSON report, written after each suite; the same command goes on from it')
    .option('--suites <names>', 'a list with commas, or offline, outside, all', 'offline')
    .option('--limit <n>', 'tasks: of each length and depth, completions, examples of an outside task', wholeNumber(1))
  addPythonOptions(command)
    .option('--helmet <dir>', 'the repository of HELMET, with its data')
    .option('--longcodebench <dir>', 'the repository of LongCodeBench, with its data')
    .option('--aptbench <dir>', 'the repository of APTBench, with its data')
    .option('--allow-generated-code', 'run code that a model wrote on this machine, for HumanEval')
    .option('--print', 'print the commands and run none')
    .addHelpText('after', `\nSuites: ${evaluationSuiteNames.join(', ')}. What cannot run is skipped with the reason.`)
    .action((models: string[], flags: EvalFlags) =>
      answerWith(flags, async (context) => {
        const request = requestOf(models, flags)
        if (flags.print === true) {
          const commands = await evaluationCommands(request)
          return { json: { commands: commands.trimEnd().split('\n') }, text: commands }
        }
        const report = await evaluate(request, context)
        const keptIn = flags.out === undefined ? 'Nothing was kept: --out FILE would.' : `In ${flags.out}.`
        // Only suites that this command asked for count: the report may have others, from before.
        const ran = report.models.some(({ suites }) =>
          request.suites.some((name) => suites[name] !== undefined && 'results' in suites[name]),
        )
        return { json: report, text: `${describeEvaluation(report)}\n${keptIn}\n`, failed: !ran }
      }),
    )
}

function requestOf(models: string[], flags: EvalFlags): EvaluationRequest {
  const { helmet, longcodebench, aptbench } = flags
  return {
    models,
    data: flags.data ?? null,
    out: flags.out ?? null,
    suites: parseSuites(flags.suites),
    limit: flags.limit ?? null,
    device: flags.device,
    python: { python: flags.python, venv: flags.venv },
    folders: {
      ...(helmet === undefined ? {} : { helmet }),
      ...(longcodebench === undefined ? {} : { longcodebench }),
      ...(aptbench === undefined ? {} : { aptbench }),
    },
    allowGeneratedCode: flags.allowGeneratedCode === true,
  }
}
