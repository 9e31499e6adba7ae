/** Contents of files by path. */
export type TextByPath = ReadonlyMap<string, string>

/** The facts that a manifest states about the project. */
export interface ProjectFacts {
  name?: string | undefined
  summary?: string | undefined
  keywords?: string[] | undefined
}

/** The trimmed text; `undefined` for an empty text and for all other values. */
export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined

/** The texts in a list; `undefined` where there are none. */
export const textsOf = (value: unknown): string[] | undefined => {
  const list = Array.isArray(value) ? value.filter((element): element is string => typeof element === 'string') : []
  return list.length > 0 ? list : undefined
}
