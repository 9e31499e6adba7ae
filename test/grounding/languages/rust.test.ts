import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { describeImport, ground, skippedAs, writeRepository } from '../repository-fixture.js'

const test = suite('rust')

const code = `//! Sells things.
//!
//! # Examples
//! \`\`\`
//! nothing;
//! \`\`\`
#![allow(dead_code)]

/// A cart of [\`Line\`]s.
///
/// # Panics
/// Never.
#[derive(Debug)]
pub struct Cart<'a, T> where T: Clone {
    /// The lines.
    pub lines: Vec<T>,
    name: &'a str,
}

struct Pair(u8, u8);

pub enum State {
    /// Not yet paid.
    Open,
    Closed { at: u64 },
}

pub trait Store {
    const MAX: usize;
    type Key;
    fn put(&self);
}

impl<'a, T> Store for Cart<'a, T> where T: Clone {
    fn put(&self) { inner(); }
}

mod parts {
    //! Not about what follows.
    pub fn one() {}
}

#[macro_export]
macro_rules! cart { () => {}; }

extern "C" {
    fn native(a: u8);
}

pub async fn sell<T>(what: T) -> u8 { try!(0) }
`

test('an outline of Rust has items with docs and attributes, and an impl as an extension of its type', async () => {
  const { file, slice } = await ground(writeRepository({ 'src/lib.rs': code }))
  const { outline, outlineFrom, doc } = file('src/lib.rs')
  assert.is(outlineFrom, 'syntax-tree')
  assert.is(doc, 'Sells things.')
  assert.equal(
    outline.map((item) => [item.kind, item.name, item.signature, item.doc, item.exported]),
    [
      ['struct', 'Cart', "pub struct Cart<'a, T> where T: Clone", 'A cart of Lines.', true],
      ['struct', 'Pair', 'struct Pair(u8, u8)', '', false],
      ['enum', 'State', 'pub enum State', '', true],
      ['trait', 'Store', 'pub trait Store', '', true],
      ['extension', 'Cart', "impl<'a, T> Store for Cart<'a, T> where T: Clone", '', true],
      ['module', 'parts', 'mod parts', '', false],
      ['macro', 'cart', 'macro_rules! cart', '', true],
      ['function', 'native', 'fn native(a: u8)', '', false],
      ['function', 'sell', 'pub async fn sell<T>(what: T) -> u8', '', true],
    ],
  )
  const membersOf = (at: number): unknown[] =>
    outline[at]?.children.map((item) => [item.kind, item.name, item.doc]) ?? []
  assert.equal(membersOf(0), [
    ['property', 'lines', 'The lines.'],
    ['property', 'name', ''],
  ])
  assert.equal(membersOf(2), [
    ['property', 'Open', 'Not yet paid.'],
    ['property', 'Closed', ''],
  ])
  assert.equal(membersOf(3), [
    ['property', 'MAX', ''],
    ['type', 'Key', ''],
    ['method', 'put', ''],
  ])
  assert.equal(membersOf(4), [['method', 'put', '']])
  assert.equal(membersOf(5), [['function', 'one', '']])
  assert.ok(slice('src/lib.rs', outline[0] as never).startsWith('/// A cart of [`Line`]s.'))
  assert.ok(slice('src/lib.rs', outline[6] as never).startsWith('#[macro_export]'))
})

test('modules and use trees of Rust lead to files, other crates of the workspace included', async () => {
  const { file, snapshot } = await ground(
    writeRepository({
      'Cargo.toml': '[workspace]\nmembers = ["crates/*"]\n',
      'crates/shop/Cargo.toml':
        '[package]\nname = "my-shop"\nedition = "2021"\n[dependencies]\nserde = "1"\ntools = { package = "shop-tools", path = "../tools" }\n',
      'crates/shop/src/lib.rs': [
        'mod cart;',
        '#[path = "odd_name.rs"] mod odd;',
        'mod missing;',
        'mod inner { mod deep; use super::cart::Line; }',
        'use crate::cart::{self, line::{Line, Price as P}, *};',
        'use std::{fmt, io::Read};',
        'use serde::Serialize;',
        'use tools::run;',
        'use cart::line;',
        'use line::Other;',
        'use unknown_crate::X;',
        'extern crate serde as s;',
        'pub enum Colour { Red }',
        'use Colour::*;',
        'fn f() { crate::odd::call(); }',
      ].join('\n'),
      'crates/shop/src/cart/mod.rs': 'pub mod line;\nuse super::odd;\n#[cfg(test)]\nmod tests { use super::*; }\n',
      'crates/shop/src/cart/line.rs': 'use super::super::Colour;\nuse my_shop::cart;\n',
      'crates/shop/src/inner/deep.rs': '',
      'crates/shop/src/odd_name.rs': '',
      'crates/shop/src/bin/tool.rs': 'use my_shop::cart::line::Line;\nfn main() {}\n',
      'crates/shop/tests/all.rs': 'mod common;\nuse my_shop::Colour;\n',
      'crates/shop/tests/common/mod.rs': '',
      'crates/tools/Cargo.toml': '[package]\nname = "shop-tools"\n[lib]\npath = "tools.rs"\n',
      'crates/tools/tools.rs': 'pub fn run() {}\n',
      'crates/tools/target/debug/out.rs': 'fn built() {}\n',
    }),
  )
  const at = (path: string): string[] =>
    file(`crates/${path}`).imports.map((record) => describeImport(record).replace('crates/', ''))
  assert.equal(at('shop/src/lib.rs'), [
    'cart {} -> shop/src/cart/mod.rs',
    'odd_name.rs {} -> shop/src/odd_name.rs',
    'missing {} -> unresolved',
    'inner::deep {} -> shop/src/inner/deep.rs',
    'self::cart::Line {Line} -> shop/src/cart/mod.rs',
    'crate::cart {*} -> shop/src/cart/mod.rs',
    'crate::cart::line::Line {Line} -> shop/src/cart/line.rs',
    'crate::cart::line::Price {Price} -> shop/src/cart/line.rs',
    'std::fmt {fmt} -> external std',
    'std::io::Read {Read} -> external std',
    'serde::Serialize {Serialize} -> external serde',
    'tools::run {run} -> tools/tools.rs',
    // `use crate::cart::{self}` imported `cart`.
    'crate::cart::line {*} -> shop/src/cart/line.rs',
    'cart::line::Other {Other} -> shop/src/cart/line.rs',
    'unknown_crate::X {X} -> external unknown_crate',
    'serde {*} -> external serde',
    'crate::odd::call {call} -> shop/src/odd_name.rs',
  ])
  const missing = file('crates/shop/src/lib.rs').imports[2]?.target
  assert.is(
    missing?.kind === 'unresolved' ? missing.reason : '',
    'neither crates/shop/src/missing.rs nor crates/shop/src/missing/mod.rs is in the repository',
  )
  assert.equal(at('shop/src/cart/mod.rs'), [
    'line {} -> shop/src/cart/line.rs',
    'super::odd {*} -> shop/src/odd_name.rs',
  ])
  assert.equal(at('shop/src/cart/line.rs'), [
    'super::super::Colour {Colour} -> shop/src/lib.rs',
    'my_shop::cart {*} -> shop/src/cart/mod.rs',
  ])
  assert.equal(at('shop/src/bin/tool.rs'), ['my_shop::cart::line::Line {Line} -> shop/src/cart/line.rs'])
  assert.equal(at('shop/tests/all.rs'), [
    'common {} -> shop/tests/common/mod.rs',
    'my_shop::Colour {Colour} -> shop/src/lib.rs',
  ])
  assert.is(skippedAs(snapshot)['crates/tools/target/debug/out.rs'], 'generated')
})

test('a crate says of itself what its Cargo.toml says, be it the one before publishing', async () => {
  const { snapshot } = await ground(
    writeRepository({
      'Cargo.toml': '# THIS FILE IS AUTOMATICALLY GENERATED BY CARGO. Do not edit.\n[package]\nname = "wrong"\n',
      'Cargo.toml.orig': '[package]\nname = "shop"\ndescription = """\nSells\nthings."""\nkeywords = ["a", "b"]\n',
      'src/lib.rs': 'pub fn f() {}\n',
    }),
  )
  assert.is(snapshot.name, 'shop')
  assert.equal(snapshot.about, { title: 'shop', summary: 'Sells things.', keywords: ['a', 'b'] })
})

test.run()
