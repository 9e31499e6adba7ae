import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { packageRoot, RetraceError } from '../../src/core/index.js'
import { describeAgents } from '../../src/generation/agents/create-agents.js'
import { buildMessages } from '../../src/generation/agents/messages.js'
import { agentOptionsSchema } from '../../src/generation/agents/options.js'
import { loadPrompts, parsePrompt, promptsDigest } from '../../src/generation/agents/prompts.js'
import { factsOfRole, roles } from '../../src/generation/agents/roles.js'

const test = suite('prompts')
const shipped = realpathSync(join(packageRoot(), 'prompts'))

const front = (facts: string[], role = 'plan'): string => `---\n${JSON.stringify({ role, version: 3, facts })}\n---\n`
const whole = (user: string, facts = ['files', 'name']): string =>
  `${front(facts)}\n## System\n\nYou plan.\n\n## User\n\n${user}\n`

/** The message with which a prompt is refused, or `taken`. */
function refusal(text: string): string {
  try {
    parsePrompt('plan.md', 'plan', text)
    return 'taken'
  } catch (error) {
    assert.ok(error instanceof RetraceError)
    assert.is(error.code, 'PROMPT_INVALID')
    return error.message
  }
}

test('every role has a shipped prompt, and uses each fact that it declares', () => {
  const prompts = loadPrompts()
  for (const role of roles) {
    const text = readFileSync(join(shipped, `${role}.md`), 'utf8')
    const { facts } = JSON.parse(text.split('---')[1] ?? '') as { facts: string[] }
    for (const fact of facts) assert.match(prompts[role].user, `{{${fact}}}`, `${role} does not use ${fact}`)
    assert.ok(facts.includes('problem'), `${role} is never told what was wrong`)
  }
})

test('a shipped prompt leaves most of a prompt of 5,000 characters to the facts', () => {
  for (const [role, { system, user }] of Object.entries(loadPrompts())) {
    assert.ok(system.length + user.length < 2_500, `${role} takes ${system.length + user.length} characters`)
  }
})

test('a whole prompt is read: version, system text and user text', () => {
  const prompt = parsePrompt('plan.md', 'plan', whole('Files of {{name}}:\n{{files}}'))
  assert.equal(prompt, { role: 'plan', version: 3, system: 'You plan.', user: 'Files of {{name}}:\n{{files}}' })
})

test('what is wrong with a prompt is said with its file and line', () => {
  assert.match(refusal('Hello'), /^plan\.md:1: .*"---"/)
  assert.match(refusal('---\n{ "role": \n---\n'), /^plan\.md:2: .*not JSON/)
  assert.match(refusal(front([], 'main')), /^plan\.md:2: its role is "main"/)
  assert.match(refusal('---\n{"role":"plan","version":0,"facts":[]}\n---\n'), /^plan\.md:2: .*version/s)
  assert.match(refusal(front(['files', 'body'])), /^plan\.md:2: plan has no fact "body"; it has problem, /)
  assert.match(refusal(whole('One\n\nTwo {{batch}}', ['files'])), /^plan\.md:13: it uses "batch"/)
  assert.match(refusal(whole('One\n{{ files }}')), /^plan\.md:12: "\{\{" opens no place/)
  assert.match(refusal(`${front([])}## System\n\nx\n`), /there is no line "## User"/)
  assert.match(refusal(`${front([])}## System\n## User\nx\n`), /^plan\.md:4: nothing stands below "## System"/)
  assert.match(refusal(`${front([])}## User\nx\n## System\ny\n`), /stands before/)
  assert.match(refusal(`${front(['name'])}## System\nI am {{name}}\n## User\ny\n`), /^plan\.md:5: the system text/)
  assert.match(refusal(whole('x\n## User\ny')), /^plan\.md:12: "## User" stands there twice/)
})

test('who drafts and who plans has no place for the code', () => {
  for (const role of ['main', 'plan', 'file-agent', 'thinker-read', 'drafter'] as const) {
    const text = `${front(['code'], role)}## System\nx\n## User\n{{code}}\n`
    assert.throws(() => parsePrompt(`${role}.md`, role, text), /has no fact "code"/)
  }
})

test('a folder that lacks a role is refused, and the words of a folder of one own are used', () => {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-prompts-'))
  cpSync(shipped, folder, { recursive: true })
  writeFileSync(join(folder, 'plan.md'), whole('Plan {{files}}'))
  const options = agentOptionsSchema.parse({ promptsDir: folder })
  const info = describeAgents(options, { model: 'm', parameters: { temperature: 0.5 } })
  assert.equal(
    info.prompts.find(({ role }) => role === 'plan'),
    { role: 'plan', version: 3, system: 'You plan.' },
  )
  assert.is(info.prompts.length, Object.keys(factsOfRole).length)
  assert.equal([info.kind, info.model, info.parameters], ['endpoint', 'm', { temperature: 0.5 }])
  rmSync(join(folder, 'main.md'))
  assert.throws(() => loadPrompts(folder), /main\.md: there is no prompt for main/)
})

test('the digest of prompts follows every word of theirs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-prompts-'))
  cpSync(shipped, folder, { recursive: true })
  assert.is(promptsDigest(), promptsDigest(folder))
  writeFileSync(join(folder, 'drafter.md'), `${readFileSync(join(shipped, 'drafter.md'), 'utf8')}\nPlease.\n`)
  assert.is.not(promptsDigest(), promptsDigest(folder))
})

test('a fact is put in once and never expanded again', () => {
  const prompt = parsePrompt('plan.md', 'plan', whole('{{name}} has {{files}}'))
  const [, user] = buildMessages(prompt, { name: '{{files}} $& {{name}}', files: 'a {{name}}' }, 1_000)
  assert.is(user?.content, '{{files}} $& {{name}} has a {{name}}')
})

test('a paragraph whose facts are all empty is left out', () => {
  const prompt = parsePrompt('plan.md', 'plan', whole('Files:\n{{files}}\n\nOf {{name}} {{files}}\n\nPlan.'))
  const user = (facts: Record<string, string>): string | undefined => buildMessages(prompt, facts, 1_000)[1]?.content
  assert.is(user({ name: '', files: '' }), 'Plan.')
  assert.is(user({ name: 'web', files: '' }), 'Of web \n\nPlan.')
})

test('facts are shortened until the whole fits, by whole lines where nothing shorter is told', () => {
  const prompt = parsePrompt('plan.md', 'plan', whole('{{files}}\n\n{{name}}'))
  const lines = Array.from({ length: 100 }, (_, at) => `line ${at}`).join('\n')
  const [system, user] = buildMessages(
    prompt,
    {
      files: { share: 1, versions: [() => lines, () => 'in short'] },
      name: { share: 1, versions: [() => lines] },
      wrong: { share: 50, versions: [() => lines] },
    },
    400,
  )
  const content = user?.content ?? ''
  assert.ok((system?.content ?? '').length + content.length <= 400)
  const [first, ...rest] = content.split('\n').filter((line) => line !== '')
  assert.is(first, 'in short')
  assert.is(rest.pop(), '(the rest is left out)')
  assert.ok(rest.length > 25, `${rest.length} lines: the room that the first fact left is not used`)
  assert.equal(rest, lines.split('\n').slice(0, rest.length))
})

test.run()
