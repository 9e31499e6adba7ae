import { parse } from 'smol-toml'

export type TomlTable = Record<string, unknown>

/** The table of a text; an empty one where there is none, or the text is no TOML. */
export function readToml(content: string | undefined): TomlTable {
  try {
    return content === undefined ? {} : parse(content)
  } catch {
    return {}
  }
}

/** A table in a table, by its keys; an empty one where there is none. */
export const tableAt = (table: TomlTable, ...keys: string[]): TomlTable =>
  keys.reduce<TomlTable>((inner, key) => {
    const value = Object.hasOwn(inner, key) ? inner[key] : undefined
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as TomlTable) : {}
  }, table)
