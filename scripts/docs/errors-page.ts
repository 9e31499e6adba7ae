/** The codes of one room, as its `errors.ts` has them. */
type Table = Readonly<Record<string, { kind: string; meaning: string }>>

const intro = `Every failure has a code and a message of one line: what happened, to which record, what was expected and found, and the next step.
With \`--json\` the command line prints \`{"error": {"code", "message"}}\`. A program decides by \`code\` or \`kind\`, never by the message.

| kind | what ends | exit code |
| --- | --- | --- |
| \`usage\` | the command: something asked for is wrong or missing | 2 |
| \`unit\` | one repository, row or call; the others go on, and the reason is kept. Where nothing is left, the command | 1 |
| \`run\` | the command: every other unit would fail in the same way | 1 |

This page is generated from the tables in \`src/*/errors.ts\` (\`node scripts/docs.mjs\`).`

/** The page of every error code. */
export function errorsPage(rooms: Readonly<Record<string, Table>>): string {
  const sections = Object.entries(rooms).map(([room, codes]) => {
    const rows = Object.entries(codes).map(([code, { kind, meaning }]) => `| \`${code}\` | ${kind} | ${meaning} |`)
    return [`## ${room}`, ['| code | kind | meaning |', '| --- | --- | --- |', ...rows].join('\n')].join('\n\n')
  })
  return ['# Errors', intro, ...sections].join('\n\n')
}
