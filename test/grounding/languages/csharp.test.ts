import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { describeImport, ground, skippedAs, writeRepository } from '../repository-fixture.js'

const test = suite('csharp')

const code = `#define FAST
using System;

namespace A.Shop
{
    /// <summary>
    /// A cart of <see cref="T:A.Line"/>s, or <c>null</c>; holds &lt;= 3.
    /// </summary>
    /// <typeparam name="T">What is sold.</typeparam>
    [Serializable]
    public partial class Cart<T> : Base, IStore where T : class
    {
        #region fields
        private readonly int size = 1, rest;
        #endregion

        /// <summary>How many.</summary>
        public int Count { get; set; } = 3;
        public int Twice => Count * 2;
        public event EventHandler Sold;
        public int this[int at] { get { return at; } }
        public Cart(int size) : base(size) { }
        ~Cart() { }
        public static Cart<T> operator +(Cart<T> a, Cart<T> b) => a;
        protected void Put<U>(U what) where U : new() { new Line(); }
#if FAST
        internal void Race() { }
#endif
        enum State { Open = 1, Closed }
        delegate void Handler(int a);
    }

    record Pair(int A);
    interface IStore { int Size { get; } void Put(); }
}
`

test('an outline of C# has namespaces, types and members, with the summary of the XML as doc', async () => {
  const { file, slice } = await ground(writeRepository({ 'Cart.cs': code }))
  const { outline, outlineFrom } = file('Cart.cs')
  assert.is(outlineFrom, 'syntax-tree')
  assert.equal(
    outline.map((item) => [item.kind, item.name, item.exported]),
    [['namespace', 'A.Shop', true]],
  )
  const types = outline[0]?.children ?? []
  assert.equal(
    types.map((item) => [item.kind, item.name, item.signature, item.doc, item.exported]),
    [
      [
        'class',
        'Cart',
        'public partial class Cart<T> : Base, IStore where T : class',
        'A cart of A.Lines, or null; holds <= 3.',
        true,
      ],
      ['class', 'Pair', 'record Pair(int A)', '', true],
      ['interface', 'IStore', 'interface IStore', '', true],
    ],
  )
  assert.equal(
    types[0]?.children.map((item) => [item.kind, item.name, item.signature, item.doc, item.exported]),
    [
      ['property', 'size, rest', 'private readonly int size = 1, rest', '', false],
      ['property', 'Count', 'public int Count', 'How many.', true],
      ['property', 'Twice', 'public int Twice', '', true],
      ['property', 'Sold', 'public event EventHandler Sold', '', true],
      ['property', 'this[]', 'public int this[int at]', '', true],
      ['method', 'Cart', 'public Cart(int size) : base(size)', '', true],
      ['method', '~Cart', '~Cart()', '', false],
      ['method', 'operator +', 'public static Cart<T> operator +(Cart<T> a, Cart<T> b)', '', true],
      ['method', 'Put', 'protected void Put<U>(U what) where U : new()', '', true],
      ['method', 'Race', 'internal void Race()', '', true],
      ['enum', 'State', 'enum State', '', false],
      ['type', 'Handler', 'delegate void Handler(int a)', '', false],
    ],
  )
  assert.equal(
    types[2]?.children.map((item) => [item.name, item.exported]),
    [
      ['Size', true],
      ['Put', true],
    ],
  )
  assert.ok(slice('Cart.cs', types[0] as never).startsWith('/// <summary>'))
})

test('a using of C# leads to the files of the namespace whose types and extensions the file uses', async () => {
  const main = [
    'using System.Linq;',
    'using A.Parts;',
    'using static A.Parts.Prices;',
    'using Money = A.Parts.Coin;',
    'using A.Unused;',
    'using A.Extensions;',
    'namespace A.Shop;',
    'class Main { Line l; Helper h; Root r; Shared s; void M() { l.Shout(); l.Whisper(); } /* Saw */ string t = "Saw"; }',
  ].join('\n')
  const { file, snapshot } = await ground(
    writeRepository({
      'src/App/App.csproj': '<Project><PropertyGroup><PackageId>A.Shop</PackageId></PropertyGroup></Project>',
      'src/App/Main.cs': main,
      'src/App/Helper.cs': 'namespace A.Shop { internal class Helper { } }',
      'src/App/Root.cs': 'namespace A { class Root { } }',
      'src/App/Usings.cs': 'global using A.Everywhere;\n',
      'src/App/Shared.cs': 'namespace A.Everywhere; class Shared { }',
      'src/App/Saw.cs': 'namespace A.Shop; class Saw { }',
      'src/App/Form.Designer.cs': 'class Form { }',
      'src/App/obj/Debug/Main.AssemblyInfo.cs': 'class Built { }',
      'src/Parts/Line.cs': 'namespace A.Parts { public class Line { } public class Saw { } }',
      'src/Parts/Prices.cs': 'namespace A.Parts { public static class Prices { } }',
      'src/Parts/Coin.cs': 'namespace A.Parts { public struct Coin { } }',
      'src/Parts/Thing.cs': 'namespace A.Unused { public class Thing { } }',
      'src/Parts/Loud.cs':
        'namespace A.Extensions { public static class Loud { public static void Shout(this Line l) { } } }',
      'src/Parts/Quiet.cs':
        'namespace A.Extensions { public static class Quiet { public static void Hush(this Line l) { } } }',
    }),
  )
  assert.equal(file('src/App/Main.cs').imports.map(describeImport), [
    'System.Linq {*} -> external System.Linq',
    'A.Parts {Line} -> src/Parts/Line.cs',
    'A.Parts.Prices {*} -> src/Parts/Prices.cs',
    'A.Parts.Coin {*} -> src/Parts/Coin.cs',
    'A.Extensions {Shout} -> src/Parts/Loud.cs',
    'A.Shop {Helper} -> src/App/Helper.cs',
    'A {Root} -> src/App/Root.cs',
    'A.Everywhere {Shared} -> src/App/Shared.cs',
  ])
  assert.is(snapshot.name, 'A.Shop')
  const skipped = skippedAs(snapshot)
  assert.is(skipped['src/App/Form.Designer.cs'], 'generated')
  assert.is(skipped['src/App/obj/Debug/Main.AssemblyInfo.cs'], 'generated')
})

test('C# that its grammar cannot read keeps a tree where directives and new syntax are all that is in the way', async () => {
  const broken = [
    'class A',
    '#if NET8',
    '    : IDisposable',
    '#else',
    '    : IOld',
    '#endif',
    '{',
    '    /// <summary>All.</summary>',
    '    public List<int> All { get; } = [];',
    '    int[] Sizes(int[] a) => a ?? [];',
    '#if FAST',
    '    void Race(int a) {',
    '#else',
    '    void Race(long a) {',
    '#endif',
    '    }',
    '}',
  ].join('\n')
  const { file } = await ground(writeRepository({ 'A.cs': broken, 'Bad.cs': 'class { {{ ]' }))
  const { outline, outlineFrom } = file('A.cs')
  assert.is(outlineFrom, 'syntax-tree')
  assert.equal(
    outline[0]?.children.map((item) => [item.name, item.signature, item.doc]),
    [
      ['All', 'public List<int> All', 'All.'],
      ['Sizes', 'int[] Sizes(int[] a)', ''],
      ['Race', 'void Race(int a)', ''],
    ],
  )
  assert.is(file('Bad.cs').outlineFrom, 'lines')
})

test.run()
