// Reads the C headers of the native engine, as far as their mirrors in other languages depend on them, and asks the
// compiler for the layouts.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** How a value is passed: `4 bytes`, `8 bytes`, `float`, `pointer` or `void`. */
export type Kind = string

interface Field {
  name: string
  offset: number
  size: number
  /** Of a function pointer: the kinds of its result and its arguments. */
  call: Kind[] | null
}
export type Layouts = Record<string, { size: number; fields: Field[] }>

type Declaration = Pick<Field, 'name' | 'call'>

export interface Header {
  /** Fields by struct. */
  structs: Map<string, Declaration[]>
  /** Kinds of result and arguments by exported function. */
  functions: Map<string, Kind[]>
  /** Names of enum values and of numbers in `#define`. */
  constants: string[]
}

export function readHeader(path: string): Header {
  const text = readFileSync(path, 'utf8').replace(/\/\/.*$/gm, '')
  const structs = new Map(
    [...text.matchAll(/typedef struct (\w+) \{([^}]*)\}/g)].map(([, name, body]) => [name!, fieldsOf(body!)]),
  )
  const functions = new Map(
    [...text.matchAll(/RETRACE_API ([^;(]*?)(\w+)\(([^)]*)\);/g)].map(([, result, name, args]) => [
      name!,
      [kindOf(result!), ...kindsOf(args!)],
    ]),
  )
  const enums = [...text.matchAll(/typedef enum \w+ \{([^}]*)\}/g)].flatMap(([, body]) =>
    [...body!.matchAll(/(\w+) = \d+/g)].map(([, name]) => name!),
  )
  const defines = [...text.matchAll(/^#define (\w+) \d+$/gm)].map(([, name]) => name!)
  return { structs, functions, constants: [...enums, ...defines] }
}

function fieldsOf(body: string): Declaration[] {
  const statements = body.split(';').map((statement) => statement.trim().replace(/\s+/g, ' '))
  return statements
    .filter((statement) => statement !== '')
    .flatMap((statement): Declaration[] => {
      const pointer = /^(.*?)\(\*(\w+)\)\((.*)\)$/.exec(statement)
      if (pointer !== null) return [{ name: pointer[2]!, call: [kindOf(pointer[1]!), ...kindsOf(pointer[3]!)] }]
      // `int32_t a, b[4]` declares two; the type stands in front of the first.
      return statement.split(',').map((part) => ({ name: /(\w+)(\[\d+\])?$/.exec(part.trim())![1]!, call: null }))
    })
}

const kindsOf = (args: string): Kind[] => (args.trim() === 'void' ? [] : args.split(',').map(kindOf))

function kindOf(declaration: string): Kind {
  if (declaration.includes('*')) return 'pointer'
  if (/\b(u?int64_t|size_t)\b/.test(declaration)) return '8 bytes'
  if (/\bfloat\b/.test(declaration)) return 'float'
  return /\bvoid\b/.test(declaration) ? 'void' : '4 bytes'
}

/** Layouts and constants as the compiler has them. */
export function compiledLayouts(
  compiler: string,
  paths: readonly string[],
  headers: readonly Header[],
): { structs: Layouts; constants: Record<string, number> } {
  const lines = headers.flatMap(({ structs, constants }) => [
    ...[...structs].flatMap(([struct, fields]) => [
      `std::printf("struct ${struct} %zu\\n", sizeof(${struct}));`,
      ...fields.map(
        ({ name }) =>
          `std::printf("field ${struct} ${name} %zu %zu\\n", offsetof(${struct}, ${name}), sizeof(${struct}::${name}));`,
      ),
    ]),
    ...constants.map((name) => `std::printf("constant ${name} %d\\n", static_cast<int>(${name}));`),
  ])
  const includes = paths.map((path) => `#include "${path}"`).join('\n')
  const source = `#include <cstddef>\n#include <cstdio>\n${includes}\nint main() {\n${lines.join('\n')}\n}\n`
  const folder = mkdtempSync(join(tmpdir(), 'abi-'))
  try {
    writeFileSync(join(folder, 'layouts.cc'), source)
    execFileSync(compiler, ['-std=c++17', '-o', join(folder, 'layouts'), join(folder, 'layouts.cc')])
    return parseLayouts(execFileSync(join(folder, 'layouts'), { encoding: 'utf8' }), headers)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function parseLayouts(output: string, headers: readonly Header[]) {
  const structs: Layouts = {}
  const constants: Record<string, number> = {}
  for (const [what, ...words] of output
    .trim()
    .split('\n')
    .map((line) => line.split(' '))) {
    if (what === 'struct') structs[words[0]!] = { size: Number(words[1]), fields: [] }
    else if (what === 'constant') constants[words[0]!] = Number(words[1])
    else {
      const [struct, name, offset, size] = words as [string, string, string, string]
      const field = headers
        .flatMap((header) => header.structs.get(struct) ?? [])
        .find((declared) => declared.name === name)
      structs[struct]!.fields.push({ name, offset: Number(offset), size: Number(size), call: field?.call ?? null })
    }
  }
  return { structs, constants }
}
