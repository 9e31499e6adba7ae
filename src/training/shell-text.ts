import { TrainingError } from './errors.js'

/** A word as a shell reads it back: as it is where nothing in it is special, else in single quotes. */
export function shellQuote(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word
  return `'${word.replaceAll("'", `'\\''`)}'`
}

/** Lines that write a file with exactly this text, which ends its last line. */
export function heredoc(path: string, text: string): string[] {
  let mark = 'END'
  while (text.split('\n').includes(mark)) mark += '_'
  return [`cat > ${path} <<'${mark}'`, ...text.trimEnd().split('\n'), mark]
}

/** A path in a script of lines, where a line end would begin another command. */
export function refuseLineEnds(path: string): string {
  if (!/[\r\n]/.test(path)) return path
  throw new TrainingError('CONFIG_INVALID', `The path ${JSON.stringify(path)} has a line end in it. Rename the folder.`)
}
