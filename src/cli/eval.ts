import { InvalidArgumentError, Option, type Command } from 'commander'
import {
  describeEvaluation,
  evaluate,
  evaluationCommands,
  evaluationSuiteNames,
  parseSuites,
  type EvaluationRequest,
} from '../pipeline/index.js'
import { answerWith, newCommand } from './command.js'

interface EvalFlags {
  data?: string
  out?: string
  suites: string
  limit?: number
  device: EvaluationRequest['device']
  python?: string
  venv?: string
  helmet?: string
  longcodebench?: string
  aptbench?: string
  allowGeneratedCode?: boolean
  print?: boolean
  json?: boolean
  quiet?: boolean
}

export function evalCommand(): Command {
  return newCommand('eval', 'measure what checkpoints are worth, side by side')
    .argument('<model...>', 'model folders (config.json, tokenizer.json, weights), or folders of `retrace train`')
    .option('--data <run>', "a run's folder; its repositories, which no model was trained on, make the offline suites")
    .option('--out <file>', 'JSON report, written after each suite; the same command goes on from it')
    .option('--suites <names>', 'a list with commas, or offline, outside, all', 'offline')
    .option('--limit <n>', 'tasks: of each length and depth, completions, examples of an outside task', count)
    .addOption(new Option('--device <name>', 'where models run').choices(['auto', 'cpu', 'cuda']).default('auto'))
    .option('--python <program>', 'a Python that has what is needed')
    .option('--venv <dir>', 'where the virtual environment is, or is made')
    .option('--helmet <dir>', 'the repository of HELMET, with its data')
    .option('--longcodebench <dir>', 'the repository of LongCodeBench, with its data')
    .option('--aptbench <dir>', 'the repository of APTBench, with its data')
    .option('--allow-generated-code', 'run code that a model wrote on this machine, for HumanEval')
    .option('--print', 'print the commands and run none')
    .addHelpText('after', `\nSuites: ${evaluationSuiteNames.join(', ')}. What cannot run is skipped with the reason.`)
    .action(async (models: string[], options: EvalFlags) => {
      await answerWith(options, async (context) => {
        const request = requestOf(models, options)
        if (options.print === true) {
          const commands = await evaluationCommands(request)
          return { json: { commands: commands.trimEnd().split('\n') }, text: commands }
        }
        const report = await evaluate(request, context)
        const kept = options.out === undefined ? 'Nothing was kept: --out FILE would.' : `In ${options.out}.`
        // Of what was asked for now: the report may have more, from before.
        const ran = report.models.some(({ suites }) =>
          request.suites.some((name) => suites[name] !== undefined && 'results' in suites[name]),
        )
        return { json: report, text: `${describeEvaluation(report)}\n${kept}\n`, failed: !ran }
      })
    })
}

function requestOf(models: string[], options: EvalFlags): EvaluationRequest {
  const { helmet, longcodebench, aptbench } = options
  return {
    models,
    data: options.data ?? null,
    out: options.out ?? null,
    suites: parseSuites(options.suites),
    limit: options.limit ?? null,
    device: options.device,
    python: { python: options.python, venv: options.venv },
    folders: {
      ...(helmet === undefined ? {} : { helmet }),
      ...(longcodebench === undefined ? {} : { longcodebench }),
      ...(aptbench === undefined ? {} : { aptbench }),
    },
    allowGeneratedCode: options.allowGeneratedCode === true,
  }
}

function count(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Give a whole number from 1.')
  return Number(text)
}
