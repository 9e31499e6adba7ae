import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { describeImport, ground, skippedAs, writeRepository } from '../repository-fixture.js'

const test = suite('java')

const code = `/*
 * Copyright 2020 The Authors. All rights reserved.
 */
package a.shop;

import java.util.List;

/**
 * A cart of {@code Line}s, see {@link List#add(Object)}; holds &lt;= 3.
 *
 * @param <T> what is sold
 */
@Deprecated(since = "1")
public abstract class Cart<T> extends Base<T> implements Store {
  /** How many. */
  @Inject private static final int MAX = 1, MIN[] = {2};

  public Cart(int size) { super(size); }

  @Override
  protected <U> void put(U what) throws Failure { new Line(); }

  void hidden() {}

  public enum State {
    /** Not yet paid. */
    OPEN, CLOSED(1) { void x() {} };
    private int code;
  }

  interface Visitor { int visit(); }

  record Pair(int a, String b) {}

  @interface Mark { int value() default 1; }
}

class Helper {}
`

test('an outline of Java has types with their members, docs as prose, and annotations before the signature', async () => {
  const { file, slice } = await ground(writeRepository({ 'Cart.java': code }))
  const { outline, outlineFrom } = file('Cart.java')
  assert.is(outlineFrom, 'syntax-tree')
  const [cart, helper] = outline
  assert.equal(
    [cart?.kind, cart?.name, cart?.signature, cart?.doc, cart?.exported],
    [
      'class',
      'Cart',
      'public abstract class Cart<T> extends Base<T> implements Store',
      'A cart of Lines, see List.add; holds <= 3.',
      true,
    ],
  )
  assert.equal(
    cart?.children.map((item) => [item.kind, item.name, item.signature, item.doc, item.exported]),
    [
      ['property', 'MAX, MIN', 'private static final int MAX = 1, MIN[] = {2}', 'How many.', false],
      ['method', 'Cart', 'public Cart(int size)', '', true],
      ['method', 'put', 'protected <U> void put(U what) throws Failure', '', true],
      ['method', 'hidden', 'void hidden()', '', false],
      ['enum', 'State', 'public enum State', '', true],
      ['interface', 'Visitor', 'interface Visitor', '', false],
      ['class', 'Pair', 'record Pair(int a, String b)', '', false],
      ['interface', 'Mark', '@interface Mark', '', false],
    ],
  )
  assert.equal(
    cart?.children[4]?.children.map((item) => [item.name, item.doc, item.exported]),
    [
      ['OPEN', 'Not yet paid.', true],
      ['CLOSED', '', true],
      ['code', '', false],
    ],
  )
  assert.equal([helper?.name, helper?.exported], ['Helper', false])
  assert.ok(slice('Cart.java', cart as never).startsWith('/**\n * A cart'))
})

test('imports of Java lead to the files of the types, by the packages that files declare', async () => {
  const main = [
    'package a.shop;',
    'import java.util.List;',
    'import java.util.*;',
    'import a.parts.Line;',
    'import a.parts.Line.Kind;',
    'import static a.parts.Line.price;',
    'import static a.parts.Line.*;',
    'import a.tools.*;',
    'import a.unused.*;',
    'import a.parts.Missing;',
    'import a.parts.Huge;',
    'import a.kotlin.Text;',
    'import org.junit.Test;',
    'import static org.junit.Assert.assertEquals;',
    'class Main { Hammer h; Helper x; /* Saw */ String s = "Saw"; other.Nail n; }',
  ].join('\n')
  const { file, snapshot } = await ground(
    writeRepository({
      'core/src/main/java/a/shop/Main.java': main,
      'core/src/main/java/a/shop/Helpers.java': 'package a.shop;\nclass Helper {}\n',
      'lib/src/main/java/a/parts/Line.java': 'package a.parts;\npublic class Line { public enum Kind { X } }\n',
      'lib/src/main/java/a/parts/Huge.java': `package a.parts;\n// ${'x'.repeat(6_000)}\nclass Huge {}\n`,
      'lib/src/main/java/a/tools/Hammer.java': 'package a.tools;\npublic class Hammer {}\n',
      'lib/src/main/java/a/tools/Saw.java': 'package a.tools;\npublic class Saw {}\n',
      'lib/src/main/java/a/tools/Nail.java': 'package a.tools;\npublic class Nail {}\n',
      'lib/src/main/java/a/unused/Thing.java': 'package a.unused;\npublic class Thing {}\n',
      'lib/src/main/kotlin/a/kotlin/Text.kt': 'package a.kotlin\nclass Text\n',
      'other/src/main/java/a/shop/Helpers.java': 'package a.shop;\nclass Helper {}\n',
      'pom.xml':
        '<project><parent><artifactId>parent</artifactId></parent><artifactId>shop</artifactId><description>Sells things.</description></project>',
      'core/target/a/shop/Built.java': 'package a.shop;\nclass Built {}\n',
      'core/pom.xml': '<project/>',
    }),
  )
  const { imports } = file('core/src/main/java/a/shop/Main.java')
  const inMain = 'lib/src/main/java/a'
  assert.equal(imports.map(describeImport), [
    'java.util.List {List} -> external java.util',
    'java.util.* {*} -> external java.util',
    `a.parts.Line {Line} -> ${inMain}/parts/Line.java`,
    `a.parts.Line.Kind {Kind} -> ${inMain}/parts/Line.java`,
    `a.parts.Line.price {price} -> ${inMain}/parts/Line.java`,
    `a.parts.Line.* {*} -> ${inMain}/parts/Line.java`,
    `a.tools.* {Hammer} -> ${inMain}/tools/Hammer.java`,
    'a.parts.Missing {Missing} -> unresolved',
    'a.parts.Huge {Huge} -> unresolved',
    'a.kotlin.Text {Text} -> lib/src/main/kotlin/a/kotlin/Text.kt',
    'org.junit.Test {Test} -> external org.junit',
    'org.junit.Assert.assertEquals {assertEquals} -> external org.junit',
    'a.shop {Helper} -> core/src/main/java/a/shop/Helpers.java',
  ])
  const reasons = imports.flatMap(({ target }) => (target.kind === 'unresolved' ? [target.reason] : []))
  assert.equal(reasons, [
    'no type Missing in the package a.parts of the repository',
    `${inMain}/parts/Huge.java was skipped (generated)`,
  ])
  assert.equal([snapshot.name, snapshot.about.summary], ['shop', 'Sells things.'])
  assert.is(skippedAs(snapshot)['core/target/a/shop/Built.java'], 'generated')
})

test.run()
