import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { digestOf, packageRoot } from '../../core/index.js'
import { GenerationError } from '../errors.js'
import { factsOfRole, roles, type Role } from './roles.js'

/** The prompt of a role: a fixed system text, and a user text with places for facts. */
export interface Prompt {
  role: Role
  version: number
  system: string
  user: string
}

export type Prompts = Readonly<Record<Role, Prompt>>

/** The place of a fact in a user text. */
export const placeholder = /\{\{(\w+)\}\}/g

/** Loads all prompts of a folder, by default the shipped ones. @throws GenerationError `PROMPT_INVALID` */
export function loadPrompts(folder = join(packageRoot(), 'prompts')): Prompts {
  return Object.fromEntries(roles.map((role) => [role, readPrompt(join(folder, `${role}.md`), role)])) as Prompts
}

/** Digest of all prompts of a folder. Two runs with the same digest used the same prompts. */
export function promptsDigest(folder?: string): string {
  return digestOf(loadPrompts(folder))
}

function readPrompt(file: string, role: Role): Prompt {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new GenerationError(
      'PROMPT_INVALID',
      `${file}: there is no prompt for ${role}. Add the file, or leave promptsDir out to use the shipped prompts.`,
      { file, line: 1 },
      { cause },
    )
  }
  return parsePrompt(file, role, text)
}

const frontMatterSchema = z.strictObject({
  role: z.string(),
  version: z.int().positive(),
  /** The facts that the user text may use. */
  facts: z.array(z.string()),
})

/** @throws GenerationError `PROMPT_INVALID` with file and line */
export function parsePrompt(file: string, role: Role, text: string): Prompt {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/)
  const fail = (at: number, what: string): never => {
    // Messages of JSON and zod have line ends.
    const problem = what.replace(/\s+/g, ' ').trim()
    const message = `${file}:${at + 1}: ${problem} Correct it, or leave promptsDir out to use the shipped prompts.`
    throw new GenerationError('PROMPT_INVALID', message, { file, line: at + 1 })
  }
  const { version, facts, end } = readFrontMatter(lines, role, fail)
  const [system, user] = ['## System', '## User'].map((heading) => {
    const at = lines.indexOf(heading, end)
    if (at < 0) fail(end, `there is no line "${heading}".`)
    if (lines.indexOf(heading, at + 1) >= 0) fail(lines.indexOf(heading, at + 1), `"${heading}" stands there twice.`)
    return at
  }) as [number, number]
  if (user < system) fail(user, '"## User" stands before "## System".')
  const section = (start: number, stop: number): string => {
    const body = lines
      .slice(start + 1, stop)
      .join('\n')
      .trim()
    return body === '' ? fail(start, `nothing stands below "${lines[start]}".`) : body
  }
  lines.slice(system, user).forEach((line, at) => {
    if (line.includes('{{')) fail(system + at, 'the system text has no facts, as the record keeps it without them.')
  })
  lines.slice(user).forEach((line, at) => checkPlaces(line, facts, (what) => fail(user + at, what)))
  return { role, version, system: section(system, user), user: section(user, lines.length) }
}

type FailAt = (at: number, what: string) => never

function readFrontMatter(
  lines: readonly string[],
  role: Role,
  fail: FailAt,
): { version: number; facts: string[]; end: number } {
  const end = lines.indexOf('---', 1)
  if (lines[0] !== '---' || end < 0) return fail(0, 'it does not begin with a block of JSON between two lines "---".')
  let value: unknown
  try {
    value = JSON.parse(lines.slice(1, end).join('\n'))
  } catch (error) {
    return fail(1, `what stands between the lines "---" is not JSON (${(error as Error).message}).`)
  }
  const result = frontMatterSchema.safeParse(value)
  if (!result.success) return fail(1, `the JSON is not right: ${z.prettifyError(result.error)}.`)
  const { version, facts } = result.data
  if (result.data.role !== role) fail(1, `its role is "${result.data.role}"; the prompt of this name is for "${role}".`)
  const knownFacts: readonly string[] = factsOfRole[role]
  for (const fact of facts) {
    if (!knownFacts.includes(fact)) fail(1, `${role} has no fact "${fact}"; it has ${knownFacts.join(', ')}.`)
  }
  return { version, facts, end }
}

/** Checks that every `{{` opens the place of a declared fact; a typing error would otherwise be sent as it is. */
function checkPlaces(line: string, facts: readonly string[], fail: (what: string) => never): void {
  for (const [, fact = ''] of line.matchAll(placeholder)) {
    if (!facts.includes(fact)) fail(`it uses "${fact}", which its "facts" do not name.`)
  }
  if (line.replace(placeholder, '').includes('{{')) fail('"{{" opens no place of a fact, which is {{name}}.')
}
