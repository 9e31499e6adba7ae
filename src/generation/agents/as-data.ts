/**
 * Makes the text of a repository safe in a prompt, and the text of a model safe in a trajectory. Servers build a chat as
 * one text, and most read marks such as `<|im_start|>` or `[INST]` inside of a message as marks of the chat, so that a
 * README could speak as the user. A space breaks such marks. Control characters and halves of surrogate pairs are removed.
 */
export function asData(text: string): string {
  const separated = text.replace(chatMark, '$& ').replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '')
  return Buffer.from(separated, 'utf8').toString('utf8').trim()
}

const chatMark = /<(?=[|\uff5c]|\/?s>|(?:start|end)_of_turn>|[be]os>|<\/?SYS>>|\/?think(?:ing)?>)|\[(?=\/?INST\])/gi
