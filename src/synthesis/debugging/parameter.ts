/** A parameter of a function. */
export interface Parameter {
  /** Empty for a pattern. */
  name: string
  isOptional: boolean
  /** `rest` takes any number of arguments, `named` takes one by its name, `keywords` takes any number by name. */
  kind: 'positional' | 'rest' | 'named' | 'keywords'
}
