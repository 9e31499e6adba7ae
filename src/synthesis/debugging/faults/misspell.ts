/** The name with one slip of the hand in it: two letters in each other's place, or the last one missing. */
export function misspell(name: string): string | null {
  for (let at = name.length - 2; at > 0; at--) {
    const [one, next] = [name.charAt(at), name.charAt(at + 1)]
    if (one !== next && /[a-z]/.test(one) && /[a-z]/.test(next)) {
      return name.slice(0, at) + next + one + name.slice(at + 2)
    }
  }
  return name.length > 3 ? name.slice(0, -1) : null
}
