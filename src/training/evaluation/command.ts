import { delimiter } from 'node:path'
import { shellQuote } from '../shell-text.js'

/** A program to run, in a form that can also be printed for a shell. */
export interface Command {
  argv: [string, ...string[]]
  /** Environment variables beside those of this process. */
  env?: Record<string, string>
  /** Folder put first in PATH. */
  path?: string
  /** Folder to start it in. */
  cwd?: string
}

/** The environment of this process with the variables of a command. */
export function environmentOf({ env, path }: Command): NodeJS.ProcessEnv {
  const pathVariable = path === undefined ? {} : { PATH: `${path}${delimiter}${process.env['PATH'] ?? ''}` }
  return { ...process.env, ...env, ...pathVariable }
}

/** The command as a line for a shell, with its variables and folder. */
export function shellLine({ argv, env = {}, path, cwd }: Command): string {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${shellQuote(value)}`)
  const pathWords = path === undefined ? [] : [`PATH=${shellQuote(path)}:"$PATH"`]
  const line = [...variables, ...pathWords, ...argv.map(shellQuote)].join(' ')
  return cwd === undefined ? line : `(cd ${shellQuote(cwd)} && ${line})`
}
