/**
 * Packs lengths into bins by best-fit-decreasing: from the longest to the shortest, each goes into the bin where it
 * leaves the least room, or opens a new bin. O(N log(N + capacity)).
 *
 * Any two bins together hold more than one capacity. After Ding et al., "Fewer Truncations Improve Language Modeling",
 * arXiv 2404.10830, section 3.2. The caller cuts what is longer than a bin.
 *
 * @param lengths each in `[1, capacity]`
 * @returns bins of indices into `lengths`, the longest first in each
 */
export function packBestFit(lengths: readonly number[], capacity: number): number[][] {
  const order = lengths.map((_, index) => index).sort((a, b) => lengthAt(lengths, b) - lengthAt(lengths, a) || a - b)
  const bins: number[][] = []
  const open = new OpenBins(capacity)
  for (const index of order) {
    const length = lengthAt(lengths, index)
    if (length < 1 || length > capacity) throw new RangeError(`length ${length} is outside [1, ${capacity}]`)
    const room = open.smallestRoom(length)
    const bin = room === null ? bins.push([]) - 1 : open.take(room)
    bins[bin]?.push(index)
    const left = (room ?? capacity) - length
    if (left > 0) open.put(left, bin)
  }
  return bins
}

function lengthAt(lengths: readonly number[], index: number): number {
  return lengths[index] as number
}

/** Bins by the room left in them: a stack for each room, and a tree of marks over the rooms that have a bin. */
class OpenBins {
  readonly #stacks = new Map<number, number[]>()
  /** Node `i` has the children `2i` and `2i + 1`; it is 1 where a leaf below it has bins. */
  readonly #marks: Uint8Array
  readonly #leaves: number

  constructor(capacity: number) {
    this.#leaves = 2 ** Math.ceil(Math.log2(capacity + 1))
    this.#marks = new Uint8Array(2 * this.#leaves)
  }

  put(room: number, bin: number): void {
    const stack = this.#stacks.get(room)
    if (stack === undefined) this.#stacks.set(room, [bin])
    else stack.push(bin)
    for (let node = this.#leaves + room; node >= 1 && this.#marks[node] === 0; node >>= 1) this.#marks[node] = 1
  }

  /** Removes and returns the last added bin with this room. */
  take(room: number): number {
    const stack = this.#stacks.get(room) as number[]
    const bin = stack.pop() as number
    if (stack.length > 0) return bin
    let node = this.#leaves + room
    this.#marks[node] = 0
    for (node >>= 1; node >= 1; node >>= 1)
      this.#marks[node] = (this.#marks[2 * node] ?? 0) | (this.#marks[2 * node + 1] ?? 0)
    return bin
  }

  /** The smallest room of at least `length`, or `null`. */
  smallestRoom(length: number): number | null {
    let node = this.#leaves + length
    // Up, until the node or a right neighbour on the way has a mark.
    while (this.#marks[node] === 0) {
      while (node % 2 === 1 && node > 1) node >>= 1
      if (node <= 1) return null
      node++
    }
    // Down, to the leftmost marked leaf.
    while (node < this.#leaves) node = this.#marks[2 * node] === 1 ? 2 * node : 2 * node + 1
    return node - this.#leaves
  }
}
