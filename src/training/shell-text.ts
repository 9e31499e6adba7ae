import { TrainingError } from './errors.js'

/** A word for a shell: unchanged where it has no special character, else in single quotes. */
export function shellQuote(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word
  return `'${word.replaceAll("'", `'\\''`)}'`
}

/** Shell lines that write a file with this text. The text has to end with a line end. */
export function heredoc(path: string, text: string): string[] {
  let mark = 'END'
  while (text.split('\n').includes(mark)) mark += '_'
  return [`cat > ${path} <<'${mark}'`, ...text.trimEnd().split('\n'), mark]
}

/** Returns a path for a script, in which a line end would begin another command. @throws TrainingError `CONFIG_INVALID` */
export function refuseLineEnds(path: string): string {
  if (!/[\r\n]/.test(path)) return path
  throw new TrainingError('CONFIG_INVALID', `The path ${JSON.stringify(path)} has a line end in it. Rename the folder.`)
}
