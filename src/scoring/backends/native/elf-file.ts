import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** `e_machine` of an ELF header, by what Node calls the processor. */
const machineOf: Readonly<Record<string, number>> = { x64: 62, arm64: 183, ia32: 3, arm: 40, ppc64: 21, s390x: 22 }

const headerBytes = 64

/**
 * Why the loader of the system must not be given this file; `null` where it may. A file that is no 64-bit ELF is left to
 * the loader, which refuses it with a reason of its own.
 *
 * A file that ends before its table of sections, its last part, is cut off: the loader would map what should be there
 * without looking, and touching it would end the process with a bus error.
 */
export function whyUnusable(path: string): string | null {
  const file = openSync(path, 'r')
  try {
    const header = Buffer.alloc(headerBytes)
    const read = readSync(file, header, 0, headerBytes, 0)
    const isElf64 = read >= 4 && header.readUInt32BE(0) === 0x7f454c46 && (read < 5 || header[4] === 2)
    if (!isElf64) return null
    const sectionsEnd = Number(header.readBigUInt64LE(40)) + header.readUInt16LE(58) * header.readUInt16LE(60)
    if (read < headerBytes || fstatSync(file).size < sectionsEnd)
      return 'it is cut off, as a copy that was interrupted leaves it'
    const machine = header.readUInt16LE(18)
    const expected = machineOf[process.arch]
    return expected === undefined || machine === expected
      ? null
      : `it was built for ${nameOf(machine)}, not ${process.arch}`
  } finally {
    closeSync(file)
  }
}

function nameOf(machine: number): string {
  const known = Object.entries(machineOf).find(([, number]) => number === machine)
  return known?.[0] ?? `processor ${machine} of the ELF list`
}
