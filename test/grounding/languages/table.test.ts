import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { isManifest, languageOf } from '../../../src/grounding/languages/language-of.js'
import { languages, rowOf, type SourceLanguage } from '../../../src/grounding/languages/table.js'
import { withTree } from '../../../src/grounding/parsing/parser.js'
import { fileRecordSchema } from '../../../src/records/index.js'
import { ground, writeRepository } from '../repository-fixture.js'

const test = suite('table of languages')
const withGrammar = languages.filter((language): language is SourceLanguage => language !== 'text')

test('every grammar loads, and reads an empty file without an error', async () => {
  assert.ok(withGrammar.length >= 13)
  for (const language of withGrammar) {
    const hasError = await withTree(rowOf(language).support.grammar, '', ({ rootNode }) => rootNode.hasError)
    assert.is(hasError, false, language)
  }
})

test('every extension belongs to one language, whatever its capitals', () => {
  const seen = new Set<string>()
  for (const language of withGrammar) {
    const { extensions } = rowOf(language)
    assert.ok(extensions.length > 0, language)
    for (const extension of extensions) {
      assert.match(extension, /^\.[a-z0-9]+$/)
      assert.not(seen.has(extension), `${extension} stands in two rows`)
      seen.add(extension)
      assert.is(languageOf(`folder/name${extension}`), language)
      assert.is(languageOf(`NAME${extension.toUpperCase()}`), language)
    }
  }
  for (const path of ['README.md', 'Makefile', '.c', 'constructor', 'a.constructor']) {
    assert.is(languageOf(path), 'text', path)
  }
})

test('manifests are known by their names in every folder, and their like are not', () => {
  const manifests = ['package.json', 'a/tsconfig.build.json', 'Cargo.toml', 'b/go.mod', 'App.csproj', 'App.sln']
  for (const path of [...manifests, 'x.gemspec', 'Package.swift', 'CMakeLists.txt', 'Directory.Build.props']) {
    assert.is(isManifest(path), true, path)
  }
  for (const path of ['my-package.json', 'tsconfig.ts', 'cargo.toml.md', 'go.model', 'a.csprojects']) {
    assert.is(isManifest(path), false, path)
  }
  for (const name of withGrammar.flatMap((language) => [...rowOf(language).manifests])) {
    if (typeof name === 'string') assert.is(name, name.toLowerCase(), 'names are compared in lower case')
  }
})

test('every name of a language is one that a record takes, and other words are not', () => {
  const { language: schema } = fileRecordSchema.shape
  for (const language of languages) assert.is(schema.safeParse(language).success, true, language)
  for (const word of ['', 'C++', 'two words', '-x', 'Python']) assert.is(schema.safeParse(word).success, false, word)
})

test('a file of every language is parsed by its grammar and recorded under its name', async () => {
  const files = Object.fromEntries(
    withGrammar.map((language) => [`${language}/a${rowOf(language).extensions[0] ?? ''}`, '\n']),
  )
  const { snapshot } = await ground(writeRepository(files))
  assert.equal(
    snapshot.files.map(({ language, outlineFrom }) => [language, outlineFrom]),
    [...withGrammar].sort().map((language) => [language, 'syntax-tree']),
  )
})

test.run()
