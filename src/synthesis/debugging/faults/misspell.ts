/** The name with one typing error: two letters swapped, or the last letter missing; `null` if it is too short. */
export function misspell(name: string): string | null {
  for (let at = name.length - 2; at > 0; at--) {
    const [letter, next] = [name.charAt(at), name.charAt(at + 1)]
    if (letter !== next && /[a-z]/.test(letter) && /[a-z]/.test(next)) {
      return name.slice(0, at) + next + letter + name.slice(at + 2)
    }
  }
  return name.length > 3 ? name.slice(0, -1) : null
}
