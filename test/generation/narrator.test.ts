import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { createNarrator, factsFor, thoughtOfFacts, type ThoughtRequest } from '../../src/generation/index.js'
import { baseNames, parameterNames, returnType } from '../../src/generation/narrator/outline-facts.js'
import { firstSentence, lowerFirst } from '../../src/generation/narrator/doc-clauses.js'
import { joinList, toSentence } from '../../src/generation/narrator/prose.js'
import type { OutlineItem, RepositorySnapshot } from '../../src/records/index.js'
import { thoughtRequestFor } from '../../src/synthesis/index.js'
import { smallProject, synthesizeFolder, writeRepository } from '../support.js'

const test = suite('narrator')
const narrator = createNarrator()
const project = await synthesizeFolder(writeRepository(smallProject))
const semver = join(process.cwd(), 'node_modules', 'semver')

function requestFor(path: string, snapshot: RepositorySnapshot = project.snapshot): ThoughtRequest {
  const order = snapshot.order
  const file = snapshot.files.find((candidate) => candidate.path === path)
  assert.ok(file, path)
  const written = new Set(order.slice(0, order.indexOf(path)))
  const leadsTo = { kind: 'code' as const, start: 0, end: file.sizeBytes, code: null }
  return { snapshot, path, purpose: '', written, read: [], leadsTo }
}

test('requirements say what the project is, what it offers and what it needs', async () => {
  const { requirements: text } = await narrator.overview(project.snapshot, [])
  assert.match(text, /^Build [Ss]mall[- ]project in TypeScript and Python\./)
  assert.match(text, /[Cc]ounts words and prints them\./)
  assert.match(text, /`print`|`WordCounter`/)
})

test('the plan names a purpose for each file, from its doc or its declarations', async () => {
  const { files, approach } = await narrator.overview(project.snapshot, [])
  assert.equal(
    files.map((file) => file.path),
    project.snapshot.order,
  )
  const of = (path: string): string | undefined => files.find((file) => file.path === path)?.purpose
  assert.is(of('tools/count.py'), 'counts lines, for a quick look')
  assert.is(of('src/empty.ts'), 'stays empty')
  assert.match(of('src/words.ts') ?? '', /splitWords and WordCounter/)
  assert.match(approach, /header\.ts and print\.ts need each other/)
})

test('a thought names the file, what it takes from where, what it defines and who needs it', async () => {
  const { text, facts } = await narrator.thought(requestFor('src/print.ts'))
  assert.match(text, /src\/print\.ts/)
  assert.match(text, /[Ff]rom words\.ts I take `WordCounter`\./)
  assert.match(text, /the function `print`/)
  assert.match(text, /header\.ts and one other file with `print`|header\.ts and one other file/)
  assert.is(facts[0], 'goal')
})

test('every name in a thought is a real one: of a declaration, an import, a file or a package', async () => {
  const { snapshot, trajectory, read } = await synthesizeFolder(semver, { maxActionBytes: 2000 })
  const real = new Set<string>(snapshot.files.flatMap((file) => [file.path, file.path.split('/').at(-1) ?? '']))
  const collect = (items: readonly OutlineItem[]): void => {
    for (const item of items) {
      real.add(item.name)
      for (const child of item.children) real.add(`${item.name}.${child.name}`)
      for (const name of [...parameterNames(item.signature), ...baseNames(item), returnType(item.signature)])
        real.add(name)
      collect(item.children)
    }
  }
  for (const file of snapshot.files) {
    collect(file.outline)
    for (const imported of file.imports) for (const name of imported.names) real.add(name)
  }
  let names = 0
  trajectory.episodes.forEach((episode, episodeIndex) => {
    episode.steps.forEach((step, stepIndex) => {
      if (step.thought === null) return
      const facts = factsFor(thoughtRequestFor(snapshot, trajectory, episodeIndex, stepIndex, read, false))
      for (const fact of facts.filter((candidate) => !candidate.id.startsWith('doc:') && candidate.id !== 'purpose')) {
        for (const [, name] of fact.text.matchAll(/`([^`]+)`/g)) {
          names++
          assert.ok(real.has(name ?? ''), `${fact.text} names ${name}, which is nowhere`)
        }
      }
    })
  })
  assert.ok(names > 300, `only ${names} names`)
})

test('facts have ids of their own, and a thought told again from its ids is the same', async () => {
  for (const path of project.snapshot.order) {
    const request = requestFor(path)
    const facts = factsFor(request)
    assert.is(new Set(facts.map((fact) => fact.id)).size, facts.length, path)
    const thought = await narrator.thought(request)
    assert.equal(thoughtOfFacts(thought.facts.flatMap((id) => facts.find((fact) => fact.id === id) ?? [])), thought)
  }
})

test('rewrites are new, made of real facts, keep the goal first, and repeat for the same seed', async () => {
  const request = requestFor('src/words.ts')
  const known = new Map(factsFor(request).map((fact) => [fact.id, fact.text]))
  const best = await narrator.thought(request)
  const rewrites = await narrator.rewrite(request, best, new Set(), 6, 'seed')
  assert.is(rewrites.length, 6)
  assert.is(new Set([best.text, ...rewrites.map((rewrite) => rewrite.text)]).size, 7)
  for (const { text, facts } of rewrites) {
    assert.is(facts[0], 'goal')
    assert.is(text, facts.map((id) => known.get(id)).join(' '))
  }
  assert.equal(await narrator.rewrite(request, best, new Set(), 6, 'seed'), rewrites)
  assert.not.equal(await narrator.rewrite(request, best, new Set(), 6, 'other'), rewrites)
  const lengths = rewrites.map((rewrite) => rewrite.facts.length)
  assert.ok(Math.max(...lengths) > best.facts.length, 'no rewrite adds a fact')
})

test('what was tried before is not proposed again', async () => {
  const request = requestFor('src/words.ts')
  const best = await narrator.thought(request)
  const tried = new Set<string>()
  for (let round = 0; round < 8; round++) {
    for (const { text } of await narrator.rewrite(request, best, tried, 2, `round ${round}`)) {
      assert.not(tried.has(text))
      tried.add(text)
    }
  }
  assert.ok(tried.size > 10, `only ${tried.size} rewrites`)
})

test('where there is nothing else to say, no rewrite is made up', async () => {
  const request = requestFor('src/empty.ts')
  assert.equal(await narrator.rewrite(request, await narrator.thought(request), new Set(), 2, 's'), [])
})

test('lists, sentences and clipped docs read as English', () => {
  assert.is(joinList(['a']), 'a')
  assert.is(joinList(['a', 'b', 'c']), 'a, b and c')
  assert.is(joinList(['a', 'b', 'c', 'd'], 2), 'a, b and two more')
  assert.is(toSentence('next is x.ts'), 'Next is x.ts.')
  assert.is(toSentence('index.ts needs it'), 'index.ts needs it.')
  assert.is(toSentence('`a` builds on `b`'), '`a` builds on `b`.')
  assert.is(firstSentence('Reads e.g. a file. Then closes it.', 80), 'Reads e.g. a file')
  assert.is(firstSentence('A rather long sentence about nothing', 20), 'A rather long')
  assert.is(lowerFirst('Checks a config'), 'checks a config')
  assert.is(lowerFirst('JSON in, JSON out'), 'JSON in, JSON out')
  assert.is(lowerFirst('Map.get of it'), 'Map.get of it')
})

test('parameters, bases and return types are read off signatures', () => {
  assert.equal(parameterNames('add(a: number, b = f(1, 2), ...rest: Map<string, number>[])'), ['a', 'b', 'rest'])
  assert.equal(parameterNames('def run(self, path, *, blank=False, **options)'), ['path', 'blank', 'options'])
  assert.equal(parameterNames('constructor(private readonly store: Store, { a, b }: Pair)'), ['store'])
  assert.equal(parameterNames('const x = 1'), [])
  assert.is(returnType('load(path: string): Promise<Config>'), 'Promise<Config>')
  assert.is(returnType('def load(path: str) -> dict[str, int]:'), 'dict[str, int]')
  assert.is(returnType('load(path)'), '')
  const item = (signature: string): OutlineItem => ({
    kind: 'class',
    name: 'A',
    signature,
    doc: '',
    start: 0,
    end: 1,
    exported: true,
    children: [],
  })
  assert.equal(baseNames(item('class A extends B<C, D> implements E, F')), ['B', 'E', 'F'])
  assert.equal(baseNames(item('class A(Base, mixin.Other, metaclass=Meta)')), ['Base', 'mixin.Other'])
})

test('the semver package is there for these tests', () => assert.ok(existsSync(semver)))

test.run()
