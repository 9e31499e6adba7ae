import { delimiter } from 'node:path'
import { shellQuote } from '../shell-text.js'

/** A program to run, and how a person would. */
export interface Command {
  argv: [string, ...string[]]
  /** What it needs in its environment beside what is there. */
  env?: Record<string, string>
  /** Folder whose programs come before others of the same name. */
  path?: string
  /** Where it has to be started. */
  cwd?: string
}

/** The environment of this process with what a command needs beside it. */
export function environmentOf({ env, path }: Command): NodeJS.ProcessEnv {
  const more = path === undefined ? {} : { PATH: `${path}${delimiter}${process.env['PATH'] ?? ''}` }
  return { ...process.env, ...env, ...more }
}

/** As a shell takes it, environment and folder included. */
export function shellLine({ argv, env = {}, path, cwd }: Command): string {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${shellQuote(value)}`)
  const before = path === undefined ? [] : [`PATH=${shellQuote(path)}:"$PATH"`]
  const line = [...variables, ...before, ...argv.map(shellQuote)].join(' ')
  return cwd === undefined ? line : `(cd ${shellQuote(cwd)} && ${line})`
}
