import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const intro = `Every command has \`--json\` (one JSON value on standard output) and \`--quiet\`. Exit codes: 0 done, 1 failed, 2 bad usage or config.

This page is generated from the commands themselves (\`node scripts/docs.mjs\`).`

/** The page of the command line: the help of every command, as it prints it. */
export function cliPage(root: string): string {
  const overview = helpOf(root, [])
  const names = [...overview.slice(overview.indexOf('\nCommands:')).matchAll(/^ {2}([a-z][a-z-]*) /gm)]
    .map((match) => match[1] as string)
    .filter((name) => name !== 'help')
  const sections = names.map((name) => `## \`retrace ${name}\`\n\n${fenced(helpOf(root, [name]))}`)
  return ['# The command line', intro, fenced(overview), ...sections].join('\n\n')
}

function helpOf(root: string, args: readonly string[]): string {
  const main = join(root, 'dist', 'src', 'cli', 'main.js')
  const result = spawnSync(process.execPath, [main, ...args, '--help'], { encoding: 'utf8', cwd: root })
  if (result.status !== 0) throw new Error(`retrace ${args.join(' ')} --help failed: ${result.stderr}`)
  return result.stdout.trimEnd()
}

const fenced = (text: string): string => `\`\`\`text\n${text}\n\`\`\``
