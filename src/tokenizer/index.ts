// Text <-> token ids, over the `tokenizer.json` of a model folder.
// In: text, or segments of text and special-token names. Out: ids; nothing is ever added by itself.
// Repository content is data: it is encoded without added tokens, so no text can make a special token.
// To add another kind of tokenizer: check it in `tokenizer-file.ts`; decoding must give back every byte.
export { TokenizerError, tokenizerErrors } from './errors.js'
export { loadTokenizer, type TextSegment, type Tokenizer } from './tokenizer.js'
