import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { memoryBlobStore, RunStore, sha256Hex } from '../../../src/core/index.js'
import { groundingOptionsSchema, groundRepository } from '../../../src/grounding/index.js'
import { codeFileSegments } from '../../../src/rendering/index.js'
import { codeLines } from '../../../src/pipeline/evaluation/code-lines.js'
import { completionTasks } from '../../../src/pipeline/evaluation/completion-tasks.js'
import { needleTasks } from '../../../src/pipeline/evaluation/needle-tasks.js'
import { writeTasks, type TaskSource } from '../../../src/pipeline/evaluation/tasks.js'
import { evaluationTaskSchema, type ChoiceTask, type RepositorySnapshot } from '../../../src/records/index.js'
import { loadTokenizer } from '../../../src/tokenizer/index.js'
import { smallProject, writeRepository } from '../../support.js'

const test = suite('evaluation tasks')
const root = process.env['RETRACE_ROOT'] ?? process.cwd()
const tokenizer = await loadTokenizer(join(root, 'models/retrace-small'))
const blobs = memoryBlobStore()

async function ground(folder: string): Promise<RepositorySnapshot> {
  return groundRepository(folder, groundingOptionsSchema.parse({}), blobs)
}

/** Two rooms of this project, and a file that names special tokens. */
const real = [
  await ground(join(root, 'src', 'packing')),
  await ground(join(root, 'src', 'core')),
  await ground(writeRepository({ ...smallProject, 'src/odd.ts': oddFile() })),
]

function oddFile(): string {
  const lines = Array.from(
    { length: 60 },
    (_, at) => `export const mark${at} = '<|eot_id|><|end_of_text|><|begin_of_text|>'`,
  )
  return `${lines.join('\n')}\n`
}

function sourceOf(snapshots: readonly RepositorySnapshot[], contextLength = 4096, seed = 0): TaskSource {
  const byId = new Map(snapshots.map((one) => [one.id, one]))
  return {
    repositories: {
      folder: 'a run',
      store: new RunStore(join(tmpdir(), 'retrace-nowhere')),
      ids: [...byId.keys()].sort(),
      digest: sha256Hex('a run'),
      shards: null,
      snapshot: (id) => byId.get(id) as RepositorySnapshot,
      text: ({ blob }) => Buffer.from(blobs.get(blob)).toString('utf8'),
    },
    tokenizer,
    contextLength,
    seed,
  }
}

const specialIds = new Set(tokenizer.specials.map((name) => tokenizer.special(name)))
const countOf = (text: string, part: string): number => text.split(part).length - 1

/** The name that a needle's question asks for, and the text before the question. */
function questionOf(task: ChoiceTask): { name: string; before: string } {
  const text = tokenizer.decode(task.context)
  const [, before, name] = /^([^]*)File: checks\/launch\.ts\n[^]*const (\w+) = "$/.exec(text) ?? []
  assert.ok(name !== undefined && before !== undefined, text.slice(-300))
  return { name: name, before: before }
}

const needles = [...needleTasks(sourceOf(real), { tasksPerCell: 2 })]

test('a needle stands once in the context, and the right choice is its value', () => {
  assert.is(needles.length, 4 * 5 * 2)
  for (const task of needles) {
    const { name, before } = questionOf(task)
    const value = tokenizer.decode(task.choices[task.answer] as number[])
    assert.is(countOf(before, `export const ${name} = "${value}"`), 1, task.id)
    assert.is(countOf(before, name), 1, task.id)
    assert.is(countOf(before, value), 1, task.id)
  }
})

test('each wrong choice is the value of another needle, as long in tokens, and the right one is at any place', () => {
  for (const task of needles) {
    const { name, before } = questionOf(task)
    assert.is(new Set(task.choices.map((ids) => ids.length)).size, 1, task.id)
    const values = task.choices.map((ids) => tokenizer.decode(ids))
    assert.is(new Set(values).size, 4)
    values.forEach((value, at) => {
      const [, owner] = new RegExp(`export const (\\w+) = "${value}"`).exec(before) ?? []
      assert.is(owner === name, at === task.answer, task.id)
      assert.ok(owner !== undefined)
    })
  }
  assert.is(new Set(needles.map(({ answer }) => answer)).size, 4)
})

test('the ids of a choice are those by which the value stands in the context', () => {
  for (const { context, choices } of needles) {
    const text = context.join(' ')
    for (const choice of choices) assert.ok(` ${text} `.includes(` ${choice.join(' ')} `))
  }
})

test('context and choice fill the length that a task stands for, nearly, and never pass it', () => {
  for (const { context, choices, length, id } of needles) {
    const tokens = context.length + (choices[0] as number[]).length
    assert.ok(tokens <= length, `${id}: ${tokens}`)
    assert.ok(tokens > length * 0.75, `${id}: ${tokens}`)
  }
})

test('a context begins with the opening token, and no file of a repository makes another special one', () => {
  const tasks = [...needles, ...completionTasks(sourceOf(real))]
  assert.ok(
    tasks.some(({ context }) => tokenizer.decode(context).includes("'<|eot_id|><|end_of_text|><|begin_of_text|>'")),
  )
  for (const { context } of tasks) {
    assert.is(context[0], tokenizer.special('<|begin_of_text|>'))
    assert.not.ok(context.slice(1).some((id) => specialIds.has(id)))
  }
})

/** The files of a context's code, without those of the needles. */
const withoutNeedles = (text: string): string => text.replace(/File: codes\/\w+\.ts\n.*\n/g, '')

test('a needle lies at its depth in the code', () => {
  for (const task of needles) {
    const { name, before } = questionOf(task)
    const start = before.lastIndexOf('File: ', before.indexOf(name))
    const end = before.indexOf('\n', before.indexOf(name)) + 1
    if (task.depth === 0) assert.is(withoutNeedles(before.slice(0, start)), '<|begin_of_text|>', task.id)
    if (task.depth === 1) assert.is(withoutNeedles(before.slice(end)), '', task.id)
    // Pieces are an eighth at most, and three other needles lie anywhere.
    const depth = withoutNeedles(before.slice(0, start)).length / withoutNeedles(before).length
    assert.ok(Math.abs(depth - task.depth) < 0.25, `${task.id}: ${depth}`)
  }
})

test('at each depth the right value is as often the first of the four as the last, so none is found by its place', () => {
  const tasks = [...needleTasks(sourceOf(real), { tasksPerCell: 4, lengths: [2048] })]
  const ranks = new Map<number, number[]>()
  for (const task of tasks) {
    const { name, before } = questionOf(task)
    const owners = [...before.matchAll(/export const (launchCodeOf\w+) = "/g)].map(([, owner]) => owner)
    ranks.set(task.depth, [...(ranks.get(task.depth) ?? []), owners.indexOf(name)])
  }
  assert.is(ranks.size, 5)
  for (const [depth, found] of ranks) assert.equal(found.sort(), [0, 1, 2, 3], `depth ${depth}`)
  const single = [...needleTasks(sourceOf(real), { tasksPerCell: 1 })].map((task) => {
    const { name, before } = questionOf(task)
    return before.slice(0, before.indexOf(name)).split('export const launchCodeOf').length
  })
  assert.ok(new Set(single).size > 2, `one task a cell: ${single.join(' ')}`)
})

test('the same source gives the same tasks, another seed others, and a longer context the same ones and more', () => {
  const again = [...needleTasks(sourceOf(real), { tasksPerCell: 2 })]
  assert.equal(again, needles)
  const other = [...needleTasks(sourceOf(real, 4096, 1), { tasksPerCell: 2 })]
  assert.not.equal(other, needles)
  const short = [...needleTasks(sourceOf(real, 1024), { tasksPerCell: 2 })]
  assert.equal(short, needles.slice(0, 20))
  assert.equal([...completionTasks(sourceOf(real))], [...completionTasks(sourceOf(real))])
})

test('lengths that the repositories cannot fill are left out and told, and so are those with no room for code', async () => {
  const small = await ground(writeRepository(smallProject))
  const missing: number[] = []
  const options = { tasksPerCell: 1, lengths: [200, 512, 2048, 4096] }
  const made = [...needleTasks(sourceOf([small]), options, (length) => missing.push(length))]
  assert.equal(missing, [200, 2048, 4096])
  assert.ok(made.length === 5 && made.every(({ length }) => length === 512))
})

const completions = [...completionTasks(sourceOf(real, 2048), { tasks: 40 })]

test('a completion asks for the lines that follow in the file', () => {
  assert.ok(completions.length > 20)
  for (const task of completions) {
    const snapshot = real.find(({ id }) => id === task.repository) as RepositorySnapshot
    const file = snapshot.files.find(({ path }) => path === task.path)
    const text = Buffer.from(blobs.get(file?.blob as string)).toString('utf8')
    const context = tokenizer.decode(task.context)
    const head = context.slice(context.lastIndexOf(`File: ${task.path}\n`) + `File: ${task.path}\n`.length)
    assert.ok(head.endsWith('\n') && text.startsWith(`${head}${task.target}`), task.id)
    assert.ok(['\n', undefined].includes(text[head.length + task.target.length]), task.id)
    assert.is(task.target.split('\n').length, task.lines)
    const lines = text.split('\n')
    const at = head.split('\n').length - 1
    const isCode = codeLines(lines, 'typescript')
    assert.ok(isCode[at] && isCode[at + task.lines - 1], `${task.id}: ${task.target}`)
    assert.ok(tokenizer.encode(task.target).length <= task.maxNewTokens)
  }
  assert.equal([...new Set(completions.map(({ lines }) => lines))].sort(), [1, 3])
})

test('before the head of the file stand whole earlier files of its repository, in their order', () => {
  let earlierFiles = 0
  for (const task of completions) {
    const { order, files } = real.find(({ id }) => id === task.repository) as RepositorySnapshot
    const context = tokenizer.decode(task.context).slice('<|begin_of_text|>'.length)
    const own = context.lastIndexOf(`File: ${task.path}\n`)
    let rest = context.slice(0, own)
    for (const path of order.slice(0, order.indexOf(task.path))) {
      const blob = files.find((file) => file.path === path)?.blob as string
      const text = codeFileSegments(path, Buffer.from(blobs.get(blob)).toString('utf8'))
        .map((segment) => segment.text)
        .join('')
      if (!rest.startsWith(text)) continue
      rest = rest.slice(text.length)
      earlierFiles++
    }
    assert.is(rest, '', `${task.id}: something stands there that is no whole earlier file`)
  }
  assert.ok(earlierFiles > 20, `only ${earlierFiles}`)
})

test('context and answer stay within the context of the model, or what was asked for', () => {
  for (const { context, maxNewTokens } of completions) assert.ok(context.length + maxNewTokens <= 2048)
  const short = [...completionTasks(sourceOf(real), { maxTokens: 700 })]
  assert.ok(short.length > 0)
  for (const { context, maxNewTokens } of short) assert.ok(context.length + maxNewTokens <= 700)
})

test('repositories take turns, and there are no more tasks than were asked for', () => {
  const six = [...completionTasks(sourceOf(real), { tasks: 6 })]
  assert.is(six.length, 6)
  const counts = real.map(({ id }) => six.filter(({ repository }) => repository === id).length)
  assert.equal(counts, [2, 2, 2])
  assert.is(new Set(six.map(({ path, repository }) => `${repository} ${path}`)).size, 6)
})

test('blank lines, comments, imports and brackets are no lines of code', () => {
  const lines = [
    ...["import { a } from '../a.js'", '', '// a note', '/* more', 'const inside = 1', '*/', 'const a = 1', '})'],
    ...[
      '/** one line */',
      'return a + value',
      '# note',
      '"""',
      'doc text here',
      '"""',
      'from x import y',
      'exported()',
      "const fs = require('node:fs')",
      "var path = require('path')",
      "export {a} from '../a.js'",
    ],
  ]
  const kept = codeLines(lines, 'python').flatMap((isCode, at) => (isCode ? [lines[at]] : []))
  assert.equal(kept, ['const a = 1', 'return a + value', 'exported()'])
  assert.ok(codeLines(['import os', 'value = 100'], 'text').every((isCode) => !isCode))
})

test('a long line costs no more than its length', () => {
  const lines = ['const '.repeat(200_000), `const ${' '.repeat(1_000_000)}x`, '"""'.repeat(300_000)]
  assert.is(codeLines(lines, 'javascript').length, 3)
})

test('tasks are written a line each, in the form that evaluation reads', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'retrace-tasks-')), 'tasks.jsonl')
  const { count, digest } = writeTasks(path, [...needles.slice(0, 3), ...completions.slice(0, 2)])
  const text = readFileSync(path, 'utf8')
  assert.is(sha256Hex(text), digest)
  const tasks = text
    .trimEnd()
    .split('\n')
    .map((line) => evaluationTaskSchema.parse(JSON.parse(line)))
  assert.is(count, 5)
  assert.equal(tasks, [...needles.slice(0, 3), ...completions.slice(0, 2)])
})

test.run()
