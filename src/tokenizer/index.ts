// Text to token ids and back, with the `tokenizer.json` of a model folder.
// In: text, or segments of text and names of special tokens. Out: ids; nothing is added.
// Repository content is data: it is encoded without added tokens, so no text can make a special token.
// To add another kind of tokenizer: check it in `tokenizer-file.ts`; decoding must give back every byte.
export { TokenizerError, tokenizerErrors } from './errors.js'
export { loadTokenizer, type Tokenizer } from './tokenizer.js'
