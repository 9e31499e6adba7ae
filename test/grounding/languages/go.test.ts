import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { describeImport, ground, skippedAs, writeRepository } from '../repository-fixture.js'

const test = suite('go')

const code = `// Copyright 2020 The Authors. All rights reserved.

//go:build linux

// Package shop sells things.
package shop

import "fmt"

// Cart holds what is bought.
type Cart[T any] struct {
	// Lines are sorted.
	Lines, Extra []T
	*Base
	other.Kind
	count int // not for others
}

type (
	// Store keeps carts.
	Store interface {
		// Put keeps one.
		Put(c *Cart) error
		fmt.Stringer
	}
	id = int
)

// States of a cart.
const (
	Open, Closed = iota, 1
	// hidden is for tests.
	hidden
)

var limit int = 3

// Add puts a line in.
func (c *Cart[T]) Add(line T) (n int, err error) {
	inner := func() {}
	return 0, nil
}

//nolint:all
func helper(a, b int) string { return "" }
`

test('an outline of Go has declarations with docs, members, and methods under the name of their type', async () => {
  const { file, slice } = await ground(writeRepository({ 'shop.go': code }))
  const { outline, outlineFrom, doc } = file('shop.go')
  assert.is(outlineFrom, 'syntax-tree')
  assert.is(doc, 'Package shop sells things.')
  assert.equal(
    outline.map((item) => [item.kind, item.name, item.signature, item.doc, item.exported]),
    [
      ['struct', 'Cart', 'type Cart[T any] struct', 'Cart holds what is bought.', true],
      ['type', 'Store, id', 'type (Store, id)', '', true],
      ['variable', 'Open, Closed, hidden', 'const (Open, Closed, hidden)', 'States of a cart.', true],
      ['variable', 'limit', 'var limit int = 3', '', false],
      ['method', 'Cart.Add', 'func (c *Cart[T]) Add(line T) (n int, err error)', 'Add puts a line in.', true],
      ['function', 'helper', 'func helper(a, b int) string', '', false],
    ],
  )
  assert.equal(
    outline[0]?.children.map((item) => [item.name, item.doc, item.exported]),
    [
      ['Lines, Extra', 'Lines are sorted.', true],
      ['Base', '', true],
      ['Kind', '', true],
      ['count', '', false],
    ],
  )
  const [store, alias] = outline[1]?.children ?? []
  assert.equal([store?.kind, store?.signature, store?.doc], ['interface', 'Store interface', 'Store keeps carts.'])
  assert.equal(
    store?.children.map((item) => [item.kind, item.signature]),
    [['method', 'Put(c *Cart) error']],
  )
  assert.is(alias?.exported, false)
  assert.ok(slice('shop.go', outline[4] as never).startsWith('// Add puts a line in.\nfunc (c *Cart[T]) Add'))
})

test('an import of Go leads to the files that declare what is taken, across modules of the repository', async () => {
  const files = {
    'go.mod':
      'module example.com/shop/v2 // ours\n\nrequire (\n\tgithub.com/a/b v1.0.0\n)\nreplace example.com/plug => ./plug\n',
    'main.go': [
      'package main',
      'import (',
      '\t"fmt"',
      '\t"net/http"',
      '\tc "example.com/shop/v2/internal/cart"',
      '\t_ "example.com/shop/v2/drivers"',
      '\t. "example.com/shop/v2/dots"',
      '\t"example.com/plug"',
      '\t"example.com/tools/gen"',
      '\t"example.com/shop/v2/none"',
      '\t"github.com/a/b/deep"',
      '\t"golang.org/x/text/width"',
      '\t"C"',
      ')',
      'import "example.com/shop/v2/pb"',
      'import "example.com/shop/v2/mixed"',
      'func main() { fmt.Println(c.New(c.Max), Dot, plug.Go, gen.Run, deep.X, width.Y, pb.Message{}, mixed.Gone) }',
    ].join('\n'),
    'internal/cart/cart.go': 'package cart\n\ntype Cart struct{}\n\nfunc New(n int) {}\n',
    'internal/cart/limits.go': 'package cart\n\nconst (\n\tMin = 1\n\tMax = 2\n)\n',
    'internal/cart/cart_test.go': 'package cart\n\nfunc New2() {}\n',
    'drivers/a.go': 'package drivers\n\nfunc init() {}\n',
    'dots/dots.go': 'package dots\n\nvar Dot = 1\n',
    'dots/other.go': 'package dots\n\nvar Unused = 1\n',
    'plug/plug.go': 'package plug\n\nfunc Go() {}\n',
    'tools/go.mod': 'module example.com/tools\n',
    'tools/gen/gen.go': 'package gen\n\nfunc Run() {}\n',
    'mixed/mixed.go': 'package mixed\n\nfunc Here() {}\n',
    'pb/message.pb.go': 'package pb\n\ntype Message struct{}\n',
  }
  const { file, snapshot } = await ground(writeRepository(files))
  const { imports } = file('main.go')
  assert.equal(imports.map(describeImport), [
    'fmt {Println} -> external fmt',
    'net/http {} -> external net/http',
    'example.com/shop/v2/internal/cart {Max} -> internal/cart/limits.go',
    'example.com/shop/v2/internal/cart {New} -> internal/cart/cart.go',
    'example.com/shop/v2/drivers {} -> drivers/a.go',
    'example.com/shop/v2/dots {Dot} -> dots/dots.go',
    'example.com/plug {Go} -> plug/plug.go',
    'example.com/tools/gen {Run} -> tools/gen/gen.go',
    'example.com/shop/v2/none {} -> unresolved',
    'github.com/a/b/deep {X} -> external github.com/a/b',
    'golang.org/x/text/width {Y} -> external golang.org/x/text',
    'C {} -> external C',
    'example.com/shop/v2/pb {Message} -> unresolved',
    'example.com/shop/v2/mixed {Gone} -> unresolved',
  ])
  const reasons = imports.flatMap(({ target }) => (target.kind === 'unresolved' ? [target.reason] : []))
  assert.equal(reasons, [
    'no such package in the repository',
    'pb/message.pb.go was skipped (generated)',
    'no file of mixed declares what is taken',
  ])
  assert.is(skippedAs(snapshot)['pb/message.pb.go'], 'generated')
  assert.is(snapshot.name, 'shop')
  assert.is(snapshot.order.at(-1), 'main.go')
})

test('files of one Go package need each other by the names they use, local names and tests left out', async () => {
  const { file } = await ground(
    writeRepository({
      'a.go':
        'package p\n\nfunc A(size int) {\n\tcount := size\n\tuse(count, T{field: 1})\n\tswitch size {\n\tcase Red:\n\t}\n}\n',
      'b.go': 'package p\n\ntype T struct{ field int }\n\nvar count, field = 1, 2\n',
      'c.go': 'package p\n\nconst Red = 1\n\nfunc use(a ...any) {}\n',
      'a_test.go': 'package p\n\nfunc use2() { A(1); helper() }\n',
      'b_test.go': 'package p\n\nfunc helper() {}\n',
      'other.go': 'package q\n\nfunc A() {}\n',
    }),
  )
  assert.equal(file('a.go').imports.map(describeImport).sort(), ['p {Red,use} -> c.go', 'p {T} -> b.go'])
  assert.equal(file('a_test.go').imports.map(describeImport).sort(), ['p {A} -> a.go', 'p {helper} -> b_test.go'])
  assert.equal(file('b.go').imports, [])
})

test.run()
