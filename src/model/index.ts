// A model folder in the form of Hugging Face: config.json, tokenizer.json, and the weights as safetensors.
// In: the path of a folder. Out: the sizes of the model, where each tensor lies, and a digest of its files; no weight is
// loaded here. Whatever would change the numbers of a model and is not computed by the engines is refused by its name.
// To support one more architecture: read its keys in `model-config.ts` and list its tensors in `model-files.ts`. The
// native engine has a reader of its own (native/engine/config.cc), as it is also used without Node.
export { ModelError, modelErrors } from './errors.js'
export { checkWeightsAreFinite } from './finite-weights.js'
export { readModelConfig, readModelFile, readModelShape, type LlamaConfig, type ModelShape } from './model-config.js'
export {
  isInShards,
  readModelFiles,
  readModelInfo,
  weightsFile,
  type ModelFacts,
  type ModelFiles,
} from './model-files.js'
export { rotaryTables } from './rotary.js'
export type { TensorEntry } from './safetensors.js'
