/**
 * Text of a repository as it may stand in a prompt, or of a model as it may stand in a trajectory. Servers put a chat together as text, and most then read marks such
 * as `<|im_start|>` or `[INST]` inside of a message as marks, so that a README could speak as the user: a space takes
 * them apart. Control characters, and halves of characters that have no UTF-8, go.
 */
export function asData(text: string): string {
  const separated = text.replace(chatMark, '$& ').replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '')
  return Buffer.from(separated, 'utf8').toString('utf8').trim()
}

const chatMark = /<(?=[|\uff5c]|\/?s>|(?:start|end)_of_turn>|[be]os>|<\/?SYS>>|\/?think(?:ing)?>)|\[(?=\/?INST\])/gi
