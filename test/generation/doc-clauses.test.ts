import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { docClause, firstSentence, lowerFirst } from '../../src/generation/narrator/doc-clauses.js'

const test = suite('doc clauses')

test('a long sentence is cut where a clause ends', () => {
  assert.is(
    firstSentence('Bumps the version up to the next minor release, and keeps what stands behind it', 60),
    'Bumps the version up to the next minor release',
  )
  assert.is(
    firstSentence('Called to allocate a new receive buffer. sizehint is a recommended size', 60),
    'Called to allocate a new receive buffer',
  )
})

test('the comma after an aside ends no clause', () => {
  assert.is(
    firstSentence('Although this is no class of its own, it has many methods of a class', 57),
    'Although this is no class of its own, it has many methods',
  )
})

test('a tool named in a doc is no directive', () => {
  assert.is(docClause('Prettier is a formatter', 72, ['prettier']), 'Prettier is a formatter')
  assert.is(docClause('biome-ignore lint: it is fine', 72), '')
})

test('where no clause ends, words that wait for more go', () => {
  assert.is(
    firstSentence('Greatly improved by the excellent work by Adam Bartos who found it', 57),
    'Greatly improved by the excellent work by Adam Bartos',
  )
  assert.is(firstSentence('Use the other way instead of this', 28), 'Use the other way')
  assert.is(firstSentence('Of the which that is so long that nothing of it is left', 12), '')
})

test('an open bracket, quote or code mark is never left behind', () => {
  assert.is(
    firstSentence('Sums up all of the numbers (see the long paper on rounding)', 40),
    'Sums up all of the numbers',
  )
  assert.is(firstSentence('Gives the text of `a b c d e f g` back', 24), 'Gives the text')
})

test('abbreviations end no sentence, an exclamation mark does', () => {
  assert.is(firstSentence('Reads one e.g. JSON file. Closes it.', 80), 'Reads one e.g. JSON file')
  assert.is(firstSentence('It works without changes! requires node', 80), 'It works without changes')
})

test('docs that say nothing of the code are left out', () => {
  const empty = [
    'module dependencies',
    'empty',
    'https://example.org/a',
    'See https://example.org/a',
    '$Id: a.c 12 b $',
  ]
  const foreign = [
    'Adapted from the work of others',
    'Adapted with permission from the project',
    'lib/a/b.js',
    'Copyright (c) 2017 A B',
  ]
  for (const doc of [...empty, ...foreign, '@__NO_SIDE_EFFECTS__ and more words', 'TODO: make this faster'])
    assert.is(docClause(doc, 72), '', doc)
  assert.is(docClause('Counts the lines.', 72), 'counts the lines')
})

test('articles and verbs begin small, names keep their capital', () => {
  assert.is(lowerFirst('A minimalistic runner'), 'a minimalistic runner')
  assert.is(lowerFirst('An HTTP client'), 'an HTTP client')
  assert.is(lowerFirst('Returns Promise of it'), 'returns Promise of it')
  assert.is(lowerFirst('Prettier is a formatter', ['prettier']), 'Prettier is a formatter')
  assert.is(lowerFirst('Protocol Buffers for scripts'), 'Protocol Buffers for scripts')
  assert.is(lowerFirst('French (Canada) texts'), 'French (Canada) texts')
  assert.is(lowerFirst('Apache License of it'), 'Apache License of it')
})

test.run()
