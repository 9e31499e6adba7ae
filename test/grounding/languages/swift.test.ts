import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import type { OutlineItem } from '../../../src/records/index.js'
import { describeImport, ground, writeRepository, type Grounded } from '../repository-fixture.js'

const test = suite('swift')

const describe = (items: readonly OutlineItem[]): string[] =>
  items.map(({ kind, name, exported, children }) => {
    const inner = children.length === 0 ? '' : ` [${describe(children).join(', ')}]`
    return `${exported ? '+' : '-'}${kind} ${name}${inner}`
  })

const groundFiles = (files: Record<string, string>): Promise<Grounded> => ground(writeRepository(files))

test('types, extensions and functions are outlined with their members and docs', async () => {
  const code = [
    '#if canImport(Foundation)',
    'import Foundation',
    '#endif',
    '/// A cart of things.',
    '///',
    '/// - Parameter items: what is in it.',
    '@available(iOS 13, *)',
    'public final class Cart<Item>: Base, Priced where Item: Hashable {',
    '  public var items: [Item] = []',
    '  private let secret = 1, other = 2',
    '  init?(items: [Item]) throws {}',
    '  #if DEBUG',
    '  func dump(_ a: Int, to b: String = #fileID) -> Int { return 1 }',
    '  #endif',
    '  fileprivate func inner() {}',
    '  var total: Int { get { 1 } }',
    '  enum Size { case small, big(Int) }',
    '}',
    'struct Line { var price = 1 }',
    'protocol Priced: AnyObject { associatedtype Money; var price: Int { get }; func pay() }',
    'extension Cart: Equatable { public func same() {} }',
    'actor Store {}',
    'func top<T>(a: T) async throws(Failure) -> T { a }',
    'typealias Lines = [Line]',
    'let limit = 3',
    '',
  ].join('\n')
  const { file, slice } = await groundFiles({ 'Sources/Shop/Cart.swift': code })
  const { outline, outlineFrom, parseNote } = file('Sources/Shop/Cart.swift')
  assert.is(outlineFrom, 'syntax-tree')
  assert.is(parseNote, '')
  assert.equal(describe(outline), [
    '+class Cart [+property items, -property secret, other, +method init, +method dump, -method inner, +property total, ' +
      '+enum Size [+property small, big]]',
    '+struct Line [+property price]',
    '+interface Priced [+type Money, +property price, +method pay]',
    '+extension Cart [+method same]',
    '+class Store',
    '+function top',
    '+type Lines',
    '+variable limit',
  ])
  const cart = outline[0] as OutlineItem
  assert.match(cart.doc, /^A cart of things\./)
  assert.is(cart.signature, 'public final class Cart<Item>: Base, Priced where Item: Hashable')
  assert.match(slice('Sources/Shop/Cart.swift', cart), /^\/\/\/ A cart[\s\S]*\n}\n$/)
})

test('files of a module find each other by the names that they use; other modules are imported', async () => {
  const { file } = await groundFiles({
    'Package.swift': [
      'let package = Package(name: "Shop", targets: [',
      '  .target(name: "Core"),',
      '  .target(name: "Shop", dependencies: ["Core"], path: "Code/Shop"),',
      '  .testTarget(name: "ShopTests", dependencies: ["Shop"]),',
      '])',
    ].join('\n'),
    'Sources/Core/Money.swift': 'public struct Money {}\n',
    'Sources/Core/Line.swift': 'public struct Line {}\n',
    'Code/Shop/Cart.swift':
      'import Core\nimport Foundation\n// Not a Stranger.\nstruct Cart { var lines: [Row] = []; let money = Money(); let s = "Stranger"; let t: Twice }\n',
    'Code/Shop/Row.swift': 'struct Row {}\n',
    'Code/Shop/Line.swift': 'struct Line {}\n',
    'Code/Shop/Stranger.swift': 'struct Stranger {}\n',
    'Code/Shop/Twice1.swift': '#if A\nstruct Twice {}\n#endif\n',
    'Code/Shop/Twice2.swift': '#if B\nstruct Twice {}\n#endif\n',
    'Tests/ShopTests/CartTests.swift':
      '@testable import Shop\nimport struct Core.Money\nlet a: Cart? = nil\nlet b = Line()\n',
  })
  assert.equal(file('Code/Shop/Cart.swift').imports.map(describeImport), [
    'Foundation {*} -> external Foundation',
    'Core {Money} -> Sources/Core/Money.swift',
    'Row {Row} -> Code/Shop/Row.swift',
  ])
  assert.equal(file('Tests/ShopTests/CartTests.swift').imports.map(describeImport), [
    'Core {Money} -> Sources/Core/Money.swift',
    'Shop {Cart} -> Code/Shop/Cart.swift',
    'Shop {Line} -> Code/Shop/Line.swift',
  ])
})

test('without a Package.swift the folder below Sources is the module, else the repository', async () => {
  const { file } = await groundFiles({
    'App/Main.swift': 'let a = Helper()\n',
    'Kit/Helper.swift': 'class Helper { let m: Mine }\n',
    'Sources/One/Mine.swift': 'struct Mine {}\n',
    'Sources/One/User.swift': 'let m = Mine()\n',
  })
  assert.equal(file('App/Main.swift').imports.map(describeImport), ['Helper {Helper} -> Kit/Helper.swift'])
  assert.equal(file('Kit/Helper.swift').imports, [])
  assert.equal(file('Sources/One/User.swift').imports.map(describeImport), ['Mine {Mine} -> Sources/One/Mine.swift'])
})

test('folders at the root are modules where one of them is imported, as projects of Xcode have it', async () => {
  const { file } = await ground(
    writeRepository({
      'Kit/Box.swift': 'public struct Box {}\n',
      'KitTests/BoxTests.swift': 'import Kit\nlet box = Box()\nlet helper = Helper()\n',
      'KitTests/Helper.swift': 'struct Helper {}\n',
      'Other/Use.swift': 'let helper = Helper()\n',
    }),
  )
  const expected = ['Kit {Box} -> Kit/Box.swift', 'Helper {Helper} -> KitTests/Helper.swift']
  assert.equal(file('KitTests/BoxTests.swift').imports.map(describeImport).sort(), expected.reverse())
  assert.equal(file('Other/Use.swift').imports.map(describeImport), [])
})

test.run()
