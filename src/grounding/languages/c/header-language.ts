import type { Language } from '../../../records/index.js'

/** Marks that C has no place for, at the start of a line. */
const showsCpp =
  /^[ \t]*(?:class[ \t]+\w|template[ \t]*<|namespace\b|using[ \t]+\w|public:|private:|constexpr\b|#[ \t]*include[ \t]*<[a-z_]+>)/m

/** Decides what a `.h` is, which the name leaves open: C++ where most sources are, or where the header itself shows it. */
export function settleHeaderLanguages(files: readonly { path: string; language: Language; text: string }[]): void {
  const headers = files.filter((file) => file.path.toLowerCase().endsWith('.h'))
  const count = (language: Language): number => files.filter((file) => file.language === language).length
  const isMostlyCpp = count('cpp') > count('c') - headers.length
  for (const header of headers) {
    // A header of C may have a part for C++, which it keeps apart.
    const isCpp = isMostlyCpp || (showsCpp.test(header.text) && !header.text.includes('__cplusplus'))
    if (isCpp) (header as { language: Language }).language = 'cpp'
  }
}
