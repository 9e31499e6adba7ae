const maxMessageChars = 300

/** The message in the body of an error, wherever the server puts it, in one short line; empty if it has none. */
export function serverMessage(body: string): string {
  let message: unknown = body
  try {
    const parsed = JSON.parse(body) as Record<string, unknown> | null
    const inner: unknown = parsed?.error ?? parsed?.message ?? parsed?.detail ?? parsed
    message = (inner as { message?: unknown } | null)?.message ?? inner
  } catch {
    // Not JSON, such as the error page of a gateway: it is passed on as it is.
  }
  return shorten(typeof message === 'string' ? message : (JSON.stringify(message) ?? ''))
}

/** The message of the first cause: `fetch failed` explains nothing, what caused it does. */
export function deepestMessage(error: unknown): string {
  let inner = error
  for (let depth = 0; depth < 5 && inner instanceof Error && inner.cause instanceof Error; depth++) inner = inner.cause
  const { code, message } = (inner ?? {}) as { code?: string; message?: string }
  return shorten(message || code || String(inner))
}

function shorten(text: string): string {
  const line = text
    .slice(0, 4 * maxMessageChars)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
  return line.length <= maxMessageChars ? line : `${line.slice(0, maxMessageChars)} ...`
}
