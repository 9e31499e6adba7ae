import { parse } from 'smol-toml'
import { objectOf, type JsonObject } from './json-object.js'

export type TomlTable = JsonObject

/** The table of a TOML text; empty where there is no text, or it is not TOML. */
export function readToml(content: string | undefined): TomlTable {
  try {
    return content === undefined ? {} : parse(content)
  } catch {
    return {}
  }
}

/** A table inside a table, by its keys; empty where there is none. */
export const tableAt = (table: TomlTable, ...keys: string[]): TomlTable =>
  keys.reduce<TomlTable>((inner, key) => objectOf(Object.hasOwn(inner, key) ? inner[key] : undefined), table)
