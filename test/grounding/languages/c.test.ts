import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import type { OutlineItem } from '../../../src/records/index.js'
import { describeImport, ground, writeRepository, type Grounded } from '../repository-fixture.js'

const test = suite('c')

/** `+function name` for an exported item, `-` for others; members in brackets. */
const describe = (items: readonly OutlineItem[]): string[] =>
  items.map(({ kind, name, exported, children }) => {
    const inner = children.length === 0 ? '' : ` [${describe(children).join(', ')}]`
    return `${exported ? '+' : '-'}${kind} ${name}${inner}`
  })

const groundFiles = (files: Record<string, string>): Promise<Grounded> => ground(writeRepository(files))

async function outlineOf(path: string, code: string): Promise<string[]> {
  const { file } = await groundFiles({ [path]: code })
  assert.is(file(path).outlineFrom, 'syntax-tree')
  assert.is(file(path).parseNote, '')
  return describe(file(path).outline)
}

test('the declarations of a C header are outlined, without its guard and within extern "C"', async () => {
  const code = [
    '#ifndef QUEUE_H',
    '#define QUEUE_H',
    '#include <stddef.h>',
    '#ifdef __cplusplus',
    'extern "C" {',
    '#endif',
    '#define QUEUE_MAX 10',
    '#define AT(q, i) ((q)->items[i])',
    'struct node;',
    'typedef struct queue { int head; struct { int a; } inner; } queue_t;',
    'typedef int (*compare_fn)(const void *, const void *);',
    'enum state { EMPTY, FULL = 2 };',
    '/** Makes an empty queue. */',
    'queue_t *queue_new(size_t size);',
    'extern int queue_count, *queue_last;',
    'static inline int queue_size(queue_t *q) { return q->head; }',
    '#ifdef __cplusplus',
    '}',
    '#endif',
    '#endif /* QUEUE_H */',
  ]
  const { file, slice } = await groundFiles({ 'queue.h': `${code.join('\n')}\n`, 'queue.c': '#include "queue.h"\n' })
  const { outline } = file('queue.h')
  assert.equal(describe(outline), [
    '+macro QUEUE_MAX',
    '+macro AT',
    '+struct queue_t [+property head, +struct inner [+property a]]',
    '+type compare_fn',
    '+enum state [+property EMPTY, +property FULL]',
    '+function queue_new',
    '+variable queue_count, queue_last',
    '-function queue_size',
  ])
  const made = outline.find((item) => item.name === 'queue_new') as OutlineItem
  assert.is(made.doc, 'Makes an empty queue.')
  assert.is(made.signature, 'queue_t *queue_new(size_t size)')
  assert.is(slice('queue.h', made), '/** Makes an empty queue. */\nqueue_t *queue_new(size_t size);\n')
  const macro = outline.find((item) => item.name === 'QUEUE_MAX') as OutlineItem
  assert.is(slice('queue.h', macro), '#define QUEUE_MAX 10\n')
})

test('both branches of a conditional stay where each stands alone, else the one that is compiled first', async () => {
  const outline = await outlineOf(
    'a.c',
    [
      '#ifdef _WIN32',
      'int open_file(void) { return 1; }',
      '#else',
      'int open_posix(void) { return 2; }',
      '#endif',
      '#if WIDE',
      'int width(long a)',
      '{',
      '#else',
      'int width(int a)',
      '{',
      '#endif',
      '  return a;',
      '}',
      '#if 0',
      'int dead(void) {',
      '#endif',
      'int after(void) { return 0; }',
      '',
    ].join('\n'),
  )
  assert.equal(outline, ['+function open_file', '+function open_posix', '+function width', '+function after'])
})

test('macros that stand for keywords do not hide declarations', async () => {
  const outline = await outlineOf(
    'a.c',
    [
      'BEGIN_DECLS',
      '',
      'LIB_EXPORT int one(void);',
      'STATIC const char *two(int);',
      'static LONG CALLBACK three(int a) { return (LONG)MAX_OF(a); }',
      'void four(int a UNUSED, int b ATTR((x))) NORETURN;',
      'LIB_API(2) void five(void) ATTRIBUTE_FORMAT(printf, 1, 2);',
      '',
      'END_DECLS',
      '',
    ].join('\n'),
  )
  assert.equal(outline, ['+function one', '+function two', '-function three', '+function four', '+function five'])
})

test('a comment keeps its words in capitals, though macros are blanked around it', async () => {
  const { file } = await groundFiles({ 'a.c': '/* EXPORT int the BEST void f(x) HERE. */\nEXPORT int f(int x);\n' })
  assert.is(file('a.c').outline[0]?.doc, 'EXPORT int the BEST void f(x) HERE.')
})

test('what cannot be read leaves the rest of the outline in place, and the note says so', async () => {
  const { file } = await groundFiles({ 'a.c': 'int one(void);\nint = = 3 (;\nint two(void) { return 1; }\n' })
  const { outlineFrom, parseNote, outline } = file('a.c')
  assert.is(outlineFrom, 'syntax-tree')
  assert.match(parseNote, /does not parse as c throughout/)
  assert.ok(describe(outline).includes('+function one') && describe(outline).includes('+function two'))
  const nothing = await groundFiles({ 'b.c': '= = = ( ;\n' })
  assert.is(nothing.file('b.c').outlineFrom, 'lines')
})

test('C++ classes have members with their access, and methods outside of them their full names', async () => {
  const outline = await outlineOf(
    'shape.cpp',
    [
      'namespace geo::flat {',
      'template <typename T>',
      'class LIB_API Shape : public Base<T> {',
      '  int hidden_;',
      ' public:',
      '  Shape();',
      '  explicit Shape(int a) : hidden_(a) {}',
      '  virtual ~Shape();',
      '  bool operator==(const Shape& other) const;',
      '  template <class U> void grow(U by);',
      '  enum class Kind { Round };',
      ' protected:',
      '  int seen_ = 1;',
      '};',
      'struct Point { int x; void move(); };',
      'using Points = std::vector<Point>;',
      '}',
      'namespace { int local; }',
      'void geo::flat::Point::move() {}',
      'static int helper() { return 1; }',
      'TEST(Shapes, Grow) { EXPECT_EQ(1, 1); }',
      'TEST_CASE("shapes shrink", "[shape]") { REQUIRE(true); }',
      '',
    ].join('\n'),
  )
  assert.equal(outline, [
    '+namespace geo::flat [+class Shape [-property hidden_, +method Shape, +method Shape, +method ~Shape, ' +
      '+method operator==, +method grow, +enum Kind [+property Round], -property seen_], ' +
      '+struct Point [+property x, +method move], +type Points]',
    '-namespace (anonymous) [-variable local]',
    '+method geo::flat::Point::move',
    '-function helper',
    '+function TEST(Shapes, Grow)',
    '+function TEST_CASE',
  ])
})

test('a header is C++ where most sources are, or where it shows it itself', async () => {
  const files = {
    'a.h': 'int a(void);\n',
    'b.h': '#include <vector>\nclass B {};\n',
    'c.h': '#ifdef __cplusplus\nclass C {};\n#endif\n',
  }
  const languages = async (more: Record<string, string>): Promise<string[]> => {
    const { file } = await groundFiles({ ...files, ...more })
    return Object.keys(files).map((path) => file(path).language)
  }
  assert.equal(await languages({ 'x.c': '', 'y.c': '' }), ['c', 'cpp', 'c'])
  assert.equal(await languages({ 'x.cpp': '', 'y.c': '', 'z.cc': '' }), ['cpp', 'cpp', 'cpp'])
})

test('an include is looked for beside the file, then on the search path that the layout shows', async () => {
  const { file, snapshot } = await groundFiles({
    'src/net/tcp.c':
      '#include "tcp.h"\n#include "net/frame.h"\n#include <lib/lib.h>\n#include <stdio.h>\n#include <openssl/ssl.h>\n' +
      '#include "../util.h"\n#include "table.inc"\n#include "util.h"\n#include NAME\nint x;\n',
    'tests/deep/run.c': '#include "net/frame.h"\n',
    'src/net/tcp.h': '',
    'src/net/frame.h': '',
    'tests/net/frame.h': '',
    'include/lib/lib.h': '',
    'src/util.h': '',
    'tests/util.h': '',
    'src/net/table.inc': '1, 2\n',
    'compat/stdio.h': '',
  })
  assert.equal(file('src/net/tcp.c').imports.map(describeImport), [
    'tcp.h {*} -> src/net/tcp.h',
    'net/frame.h {*} -> src/net/frame.h',
    'lib/lib.h {*} -> include/lib/lib.h',
    'stdio.h {*} -> external stdio.h',
    'openssl/ssl.h {*} -> external openssl',
    '../util.h {*} -> src/util.h',
    'table.inc {*} -> src/net/table.inc',
    'util.h {*} -> src/util.h',
  ])
  assert.equal(file('tests/deep/run.c').imports.map(describeImport), ['net/frame.h {*} -> tests/net/frame.h'])
  assert.ok(snapshot.order.indexOf('src/net/tcp.h') < snapshot.order.indexOf('src/net/tcp.c'))
})

test('an include that leads nowhere says why: made when built, skipped, or not there', async () => {
  const { file } = await groundFiles({
    'a.c':
      '#include "config.h"\n#include "version.h"\n#include "made.h"\n#include "gone.h"\n#include "boost/any.hpp"\nint x;\n',
    'config.h.in': '#undef A\n',
    'made.h': '/* DO NOT EDIT: automatically generated by bison */\n',
  })
  const ends = file('a.c').imports.map(({ target }) => (target.kind === 'unresolved' ? target.reason : target.kind))
  assert.equal(ends, [
    'made from config.h.in when the project is built',
    'made when the project is built',
    'made.h was skipped (generated)',
    'no such file in the repository',
    'external',
  ])
})

test('hostile C takes no time: endless macros, open comments, braces and directives', async () => {
  const hostile = [
    'EXPORT '.repeat(20_000),
    '/* '.repeat(40_000),
    `int f(${'A '.repeat(30_000)}`,
    '#if 1\n'.repeat(15_000),
    `#if 1\n${'{'.repeat(60_000)}\n#endif`,
    `int a ${'ABC('.repeat(20_000)}`,
    'R"x('.repeat(20_000),
  ]
  const files = Object.fromEntries(hostile.map((text, at) => [`h${at}.c`, `${text.replace(/(.{400})/g, '$1\n')}\n`]))
  const { snapshot } = await groundFiles({ ...files, 'ok.c': 'int x;\n' })
  assert.is(snapshot.files.length, hostile.length + 1)
})

test.run()
