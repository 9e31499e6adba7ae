/** An import as the code states it, before its file is known. */
export interface RawImport {
  /** JavaScript: the string. Python: the module with its leading dots. Else the path or name as written. */
  specifier: string
  /** The names taken, as the imported module calls them; `*` for the whole module, none for an import for effect. */
  names: string[]
  /** Python's `from a import b`, where `b` may itself be a module. */
  from: boolean
  /** Not needed when the file is loaded: for types only, or within a function. */
  weak: boolean
  /** The kind of import, where a language has several that lead to different places: C's `"a.h"` and `<a.h>`. */
  form?: string
}
