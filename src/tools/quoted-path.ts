/** A path as it is, or as a JSON string where it could be mistaken for more than a path: file names may hold line ends. */
export function quotedWhereNeeded(path: string): string {
  return /\p{Cc}|^["\s]|\s$/u.test(path) ? JSON.stringify(path) : path
}
