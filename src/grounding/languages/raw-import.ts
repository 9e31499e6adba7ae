/** An import as the code has it, before anyone looks for its file. */
export interface RawImport {
  /** JavaScript: the string. Python: the module with its leading dots. Else the path or name as written. */
  specifier: string
  /** The names taken, as they are called in the module; `*` for the whole of it, none for an import for effect. */
  names: string[]
  /** Python's `from a import b`, where `b` may itself be a module. */
  from: boolean
  /** Not needed when the file is loaded: for types only, or within a function. */
  weak: boolean
  /** Which of a language's several ways to import it is, where they lead to different places: C's `"a.h"` and `<a.h>`. */
  form?: string
}
