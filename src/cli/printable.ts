/** Names and descriptions come from repositories: what could steer a terminal is shown and not obeyed. */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, '\uFFFD')
}
