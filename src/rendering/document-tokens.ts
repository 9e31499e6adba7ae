/** The special tokens of Llama 3 that open and close a document. A renderer for other models names its own. */
export const documentTokens = { begin: '<|begin_of_text|>', end: '<|end_of_text|>' }
