export type JsonObject = Record<string, unknown>

/** The value if it is an object, else an empty object. */
export const objectOf = (value: unknown): JsonObject =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as JsonObject) : {}

/** An object in JSON with comments and trailing commas, as tsconfig allows them. An empty object where it is not that. */
export function readJsonObject(content: string | undefined): JsonObject {
  if (content === undefined) return {}
  const withoutComments = content.replace(/("(?:[^"\\\n]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$(?![\s\S]))/g, '$1')
  const withoutCommas = withoutComments.replace(/("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])/g, '$1')
  try {
    return objectOf(JSON.parse(withoutCommas.replace(/^\uFEFF/, '')))
  } catch {
    return {}
  }
}
