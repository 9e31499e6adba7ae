import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import type { OutlineItem } from '../../../src/records/index.js'
import { describeImport, ground, writeRepository, type Grounded } from '../repository-fixture.js'

const test = suite('php')

const describe = (items: readonly OutlineItem[]): string[] =>
  items.map(({ kind, name, exported, children }) => {
    const inner = children.length === 0 ? '' : ` [${describe(children).join(', ')}]`
    return `${exported ? '+' : '-'}${kind} ${name}${inner}`
  })

const groundFiles = (files: Record<string, string>): Promise<Grounded> => ground(writeRepository(files))

test('classes and their like are outlined with their members, behind a head of HTML as well', async () => {
  const code = [
    '<html><?php',
    '/** Says what a shop is. */',
    'declare(strict_types=1);',
    'namespace Shop;',
    'const VERSION = 1;',
    "define('SHOP_DEBUG', false);",
    '/**',
    ' * A cart.',
    ' *',
    ' * @author someone',
    ' */',
    '#[Entity]',
    'final class Cart extends Base implements Countable',
    '{',
    '    use Sums;',
    '    public const LIMIT = 3, OTHER = 4;',
    '    private ?int $count = null;',
    '    public function __construct(private readonly array $items = []) {}',
    '    abstract protected function inner(int ...$x): void;',
    '    public static function of(Line $line): self { return new self([$line]); }',
    '}',
    'interface Priced { public function price(): int; }',
    'trait Sums { protected $sum; }',
    "enum Size: string { case Small = 's'; }",
    'function total(array $lines): int { return 0; }',
    "if (!function_exists('late')) { function late() {} }",
    '?>',
    '</html>',
    '',
  ].join('\n')
  const { file, slice } = await groundFiles({ 'src/Cart.php': code })
  const { outline, doc, outlineFrom } = file('src/Cart.php')
  assert.is(outlineFrom, 'syntax-tree')
  assert.is(doc, 'Says what a shop is.')
  assert.equal(describe(outline), [
    '+variable VERSION',
    '+variable SHOP_DEBUG',
    '+class Cart [+property LIMIT, OTHER, -property $count, +method __construct, -method inner, +method of]',
    '+interface Priced [+method price]',
    '+trait Sums [-property $sum]',
    '+enum Size [+property Small]',
    '+function total',
    '+function late',
  ])
  const cart = outline[2] as OutlineItem
  assert.is(cart.doc, 'A cart.')
  assert.is(cart.signature, 'final class Cart extends Base implements Countable')
  assert.match(slice('src/Cart.php', cart), /^\/\*\*\n \* A cart[\s\S]*\n}\n$/)
})

test('use finds the file that declares the name, in every form of it', async () => {
  const { file } = await groundFiles({
    'src/Main.php': [
      '<?php',
      'namespace App;',
      'use App\\Model\\User;',
      'use App\\Model\\{Order as O, Line};',
      'use function App\\Util\\format;',
      'use const App\\Util\\LIMIT;',
      'use Psr\\Log\\LoggerInterface;',
      'use App\\Model\\Gone;',
      'use Exception;',
      '',
    ].join('\n'),
    'src/Model/User.php': '<?php\nnamespace App\\Model;\nclass User {}\n',
    'src/Model/orders.php': '<?php\nnamespace App\\Model;\nclass Order {}\nclass Line {}\n',
    'src/util.php': '<?php\nnamespace App\\Util;\nconst LIMIT = 1;\nfunction format() {}\n',
  })
  assert.equal(file('src/Main.php').imports.map(describeImport), [
    'App\\Model\\User {User} -> src/Model/User.php',
    'App\\Model\\Order {Order} -> src/Model/orders.php',
    'App\\Model\\Line {Line} -> src/Model/orders.php',
    'App\\Util\\format {format} -> src/util.php',
    'App\\Util\\LIMIT {LIMIT} -> src/util.php',
    'Psr\\Log\\LoggerInterface {LoggerInterface} -> external Psr',
    'App\\Model\\Gone {Gone} -> unresolved',
    'Exception {Exception} -> external php',
  ])
})

test('classes of the own namespace and those named in full need no use', async () => {
  const { file } = await groundFiles({
    'src/A.php': [
      '<?php',
      'namespace App;',
      'use App\\Model as M;',
      '// Not a Stranger.',
      'class A extends B implements C {',
      '  use T;',
      '  function f(D $d): ?E { return new \\App\\Model\\F(M\\G::class, "Stranger", H::X, self::Y); }',
      '}',
      '',
    ].join('\n'),
    ...Object.fromEntries(
      ['B', 'C', 'T', 'D', 'E', 'H', 'Stranger'].map((name) => [
        `src/${name}.php`,
        `<?php\nnamespace App;\nclass ${name} {}\n`,
      ]),
    ),
    ...Object.fromEntries(
      ['F', 'G'].map((name) => [`src/Model/${name}.php`, `<?php\nnamespace App\\Model;\nclass ${name} {}\n`]),
    ),
  })
  const found = file('src/A.php').imports.map(({ target }) => (target.kind === 'file' ? target.path : target.kind))
  assert.equal(
    found.sort(),
    ['B', 'C', 'D', 'E', 'H', 'Model/F', 'Model/G', 'T'].map((name) => `src/${name}.php`),
  )
})

test('autoload rules of composer.json find what no outline shows, and say what was skipped', async () => {
  const { file } = await groundFiles({
    'composer.json': JSON.stringify({
      autoload: { 'psr-4': { 'App\\': 'src/' }, 'psr-0': { Old_: 'legacy' } },
      'autoload-dev': { 'psr-4': { 'App\\Tests\\': ['tests'] } },
    }),
    'src/Main.php': '<?php\nnamespace App;\nuse App\\Big\\Table;\nuse App\\Made;\nuse App\\Tests\\Helper;\n',
    // Too long for the parser's bound below, so its outline is not from a tree.
    'src/Big/Table.php': `<?php\nnamespace App\\Big;\n${'// row\n'.repeat(50)}class Table {}\n`,
    'src/Made.php': '<?php\n// @generated\nnamespace App;\nclass Made {}\n',
    'tests/Helper.php': '<?php\nnamespace App\\Tests;\nclass Helper {}\n',
  })
  const ends = file('src/Main.php').imports.map(({ target }) =>
    target.kind === 'unresolved' ? target.reason : target.kind === 'file' ? target.path : target.kind,
  )
  assert.equal(ends, ['src/Big/Table.php', 'src/Made.php was skipped (generated)', 'tests/Helper.php'])
})

test('the path of a file that the parser was not given is found by the autoload rules alone', async () => {
  const folder = writeRepository({
    'composer.json': '{ "autoload": { "psr-4": { "App\\\\": "src/" } } }',
    'src/Main.php': '<?php\nuse App\\Big\\Table;\n',
    'src/Big/Table.php': `<?php\nnamespace App\\Big;\n${'// row\n'.repeat(50)}class Table {}\n`,
  })
  const { file } = await ground(folder, { maxParseBytes: 100 })
  assert.equal(file('src/Main.php').imports.map(describeImport), ['App\\Big\\Table {Table} -> src/Big/Table.php'])
})

test('require and include are found by literals and by __DIR__', async () => {
  const { file } = await groundFiles({
    'pages/index.php': [
      '<?php',
      "require_once __DIR__ . '/head.php';",
      "require dirname(__FILE__) . '/foot.php';",
      "include(dirname(__DIR__) . '/lib/base.php');",
      "include 'lib/base.php';",
      "require __DIR__ . '/../vendor/autoload.php';",
      "require $path . '/x.php';",
      "require 'gone.php';",
    ].join('\n'),
    'pages/head.php': '<?php\n',
    'pages/foot.php': '<?php\n',
    'lib/base.php': '<?php\n',
  })
  assert.equal(file('pages/index.php').imports.map(describeImport), [
    'head.php {*} -> pages/head.php',
    'foot.php {*} -> pages/foot.php',
    '../lib/base.php {*} -> lib/base.php',
    'lib/base.php {*} -> lib/base.php',
    '../vendor/autoload.php {*} -> external composer',
    'gone.php {*} -> unresolved',
  ])
})

test.run()
