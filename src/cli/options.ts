import { InvalidArgumentError, Option, type Command } from 'commander'
import type { TrainOptions } from '../pipeline/index.js'

/** A parser of whole numbers of at least `least`. */
export function wholeNumber(least: 0 | 1): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d{1,15}$/.test(text) && value >= least) return value
    throw new InvalidArgumentError(`Give a whole number, ${least} or more.`)
  }
}

/** Parses a share: more than 0 and less than 1. */
export function share(text: string): number {
  const value = Number(text)
  if (value > 0 && value < 1) return value
  throw new InvalidArgumentError('Give a number between 0 and 1.')
}

export function gibibytes(text: string): number {
  const value = Number(text)
  if (/^\d{1,6}(\.\d{1,6})?$/.test(text) && value > 0) return value
  throw new InvalidArgumentError('Give a number of GiB.')
}

/** The repositories that a command reads. */
export function addRepositories(command: Command): Command {
  return command
    .argument('[repo...]', 'folders, git repositories, or .tar.gz / .tgz files; nothing in them is executed')
    .option('--from <file>', 'a file with one repository a line; they follow those that are named')
}

export interface PythonFlags {
  device: TrainOptions['device']
  python?: string
  venv?: string
}

// A device that training knows and this table lacks is a compile error.
const trainingDevices = { auto: true, cpu: true, cuda: true } satisfies Record<PythonFlags['device'], true>

/** The options of what trains or measures models: on what, and with which Python. */
export function addPythonOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--device <name>', 'what computes; auto takes the GPUs where there are any')
        .choices(Object.keys(trainingDevices))
        .default('auto'),
    )
    .option('--python <path>', 'a Python that has PyTorch and Transformers (default: an environment made once)')
    .option('--venv <folder>', 'where that environment is, or is to be made (default: in the cache folder)')
}
