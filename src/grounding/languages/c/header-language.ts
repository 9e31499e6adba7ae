/** Marks at the start of a line that only C++ has. */
const showsCpp =
  /^[ \t]*(?:class[ \t]+\w|template[ \t]*<|namespace\b|using[ \t]+\w|public:|private:|constexpr\b|#[ \t]*include[ \t]*<[a-z_]+>)/m

/** Decides the language of every `.h`, which the name leaves open: C++ where most sources are C++, or the header shows it. */
export function settleHeaderLanguages(files: readonly { path: string; language: string; text: string }[]): void {
  const headers = files.filter((file) => file.path.toLowerCase().endsWith('.h'))
  const count = (language: string): number => files.filter((file) => file.language === language).length
  const isMostlyCpp = count('cpp') > count('c') - headers.length
  for (const header of headers) {
    // A C header may have a part for C++, which it guards.
    const isCpp = isMostlyCpp || (showsCpp.test(header.text) && !header.text.includes('__cplusplus'))
    if (isCpp) header.language = 'cpp'
  }
}
