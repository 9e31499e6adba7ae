import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import type { OutlineItem } from '../../../src/records/index.js'
import { describeImport, ground, writeRepository, type Grounded } from '../repository-fixture.js'

const test = suite('ruby')

const describe = (items: readonly OutlineItem[]): string[] =>
  items.map(({ kind, name, exported, children }) => {
    const inner = children.length === 0 ? '' : ` [${describe(children).join(', ')}]`
    return `${exported ? '+' : '-'}${kind} ${name}${inner}`
  })

const groundFiles = (files: Record<string, string>): Promise<Grounded> => ground(writeRepository(files))

test('modules, classes and methods are outlined with what is private in them', async () => {
  const code = [
    '# frozen_string_literal: true',
    '',
    'module Shop::Parts',
    '  # A cart of things.',
    '  class Cart < Base',
    '    include Enumerable',
    '    LIMIT = 3',
    '    SECRET = 4',
    '    private_constant :SECRET',
    '    attr_reader :items, :owner',
    '    def initialize(items, owner: nil)',
    '      @items = items',
    '    end',
    '    def self.empty = new([])',
    '    class << self',
    '      def build; end',
    '      private',
    '      def raw; end',
    '    end',
    '    def full?; items.size >= LIMIT; end',
    '    private def inner; end',
    '    def later; end',
    '    private :later',
    '    private',
    '    def hidden; end',
    '    public',
    '    def shown; end',
    '    alias_method :size, :count',
    '    Line = Struct.new(:price) do',
    '      def total; end',
    '    end',
    '  end',
    'end',
    'def helper(a) end',
    '',
  ].join('\n')
  const { file, slice } = await groundFiles({ 'lib/shop.rb': code })
  const { outline, outlineFrom } = file('lib/shop.rb')
  assert.is(outlineFrom, 'syntax-tree')
  assert.equal(describe(outline), [
    '+module Shop::Parts [+class Cart [+variable LIMIT, -variable SECRET, +property items, owner, +method initialize, ' +
      '+method self.empty, +method build, -method raw, +method full?, -method inner, -method later, -method hidden, ' +
      '+method shown, +method size, +class Line [+method total]]]',
    '+function helper',
  ])
  const cart = outline[0]?.children[0] as OutlineItem
  assert.is(cart.doc, 'A cart of things.')
  assert.is(cart.signature, 'class Cart < Base')
  assert.match(slice('lib/shop.rb', cart), /^# A cart of things\.\n {2}class Cart[\s\S]*end\n$/)
  assert.is(cart.children.find((item) => item.name === 'initialize')?.signature, 'def initialize(items, owner: nil)')
})

test('require looks on the load path, require_relative beside the file', async () => {
  const { file } = await groundFiles({
    'lib/shop.rb': [
      "require 'json'",
      "require 'shop/cart'",
      "require_relative 'shop/line'",
      "require File.expand_path('../shop/line', __FILE__)",
      'autoload :Price, "shop/price"',
      "require 'shop/native'",
      'require "shop/#{name}"',
      '# require "shop/cart"',
      "load './tasks.rb'",
      'def f; require "shop/late"; end',
    ].join('\n'),
    'lib/shop/cart.rb': '',
    'lib/shop/line.rb': '',
    'lib/shop/price.rb': '',
    'lib/shop/late.rb': '',
    'lib/tasks.rb': '',
    'ext/shop/extconf.rb': '',
    'spec/spec_helper.rb': "require 'shop'\nrequire 'support/it'\n",
    'spec/support/it.rb': '',
  })
  assert.equal(file('lib/shop.rb').imports.map(describeImport), [
    'json {*} -> external json',
    'shop/cart {*} -> lib/shop/cart.rb',
    'shop/line {*} -> lib/shop/line.rb',
    'shop/price {Price} -> lib/shop/price.rb',
    'shop/native {*} -> unresolved',
    './tasks.rb {*} -> lib/tasks.rb',
    'shop/late {*} -> lib/shop/late.rb',
  ])
  assert.equal(file('spec/spec_helper.rb').imports.map(describeImport), [
    'shop {*} -> lib/shop.rb',
    'support/it {*} -> spec/support/it.rb',
  ])
})

test('a gemspec says what else is on the load path, and a gem of a monorepo finds its own files first', async () => {
  const { file } = await groundFiles({
    'gems/a/a.gemspec': 'Gem::Specification.new do |s|\n  s.require_paths = ["code", "lib"]\nend\n',
    'gems/a/code/deep/x.rb': '',
    'gems/a/lib/util.rb': '',
    'gems/a/lib/a.rb': "require 'deep/x'\nrequire 'util'\nrequire 'b'\n",
    'gems/b/lib/b.rb': "require 'util'\n",
    'gems/b/lib/util.rb': '',
  })
  assert.equal(file('gems/a/lib/a.rb').imports.map(describeImport), [
    'deep/x {*} -> gems/a/code/deep/x.rb',
    'util {*} -> gems/a/lib/util.rb',
    'b {*} -> gems/b/lib/b.rb',
  ])
  assert.equal(file('gems/b/lib/b.rb').imports.map(describeImport), ['util {*} -> gems/b/lib/util.rb'])
})

test('constants lead to the files that are named for them, where the repository loads them by name', async () => {
  const files = {
    'app/models/order.rb': 'class Order\n  # Not a Refund.\n  def line = Line.new(Api::HTMLParser)\nend\n',
    'app/models/order/line.rb': 'class Order::Line; end\n',
    'app/services/api/html_parser.rb': 'module Api\n  class HTMLParser; def p = ::Order; end\nend\n',
    'app/models/refund.rb': 'class Refund; end\n',
  }
  const rails = await groundFiles({ ...files, 'config/application.rb': 'module Shop; end\n' })
  assert.equal(rails.file('app/models/order.rb').imports.map(describeImport), [
    'Api::HTMLParser {*} -> app/services/api/html_parser.rb',
    'Line {*} -> app/models/order/line.rb',
  ])
  assert.equal(rails.file('app/services/api/html_parser.rb').imports.map(describeImport), [
    '::Order {*} -> app/models/order.rb',
  ])
  const plain = await groundFiles(files)
  assert.equal(plain.file('app/models/order.rb').imports, [])
})

test('a Rakefile says where tests load from, and the folder that holds the test comes first', async () => {
  const { file } = await ground(
    writeRepository({
      Rakefile: "t.libs << 'lib' << 'test/core'\nt.libs.push 'test/other'\n",
      'lib/thing.rb': 'require "helper"\n',
      'test/core/helper.rb': 'def a; end\n',
      'test/core/a_test.rb': 'require "helper"\n',
      'test/other/helper.rb': 'def b; end\n',
      'test/other/b_test.rb': 'require "helper"\n',
    }),
  )
  assert.equal(file('test/core/a_test.rb').imports.map(describeImport), ['helper {*} -> test/core/helper.rb'])
  assert.equal(file('test/other/b_test.rb').imports.map(describeImport), ['helper {*} -> test/other/helper.rb'])
})

test.run()
