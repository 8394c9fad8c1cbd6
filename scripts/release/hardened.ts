/**
 * Finds protections of the linker and the compiler that a built addon lacks, by reading the ELF
 * file itself (elf(5)).
 */

const PT_DYNAMIC = 2
const PT_GNU_RELRO = 0x6474e552
const DT_FLAGS = 30n
const DF_BIND_NOW = 8n
const DT_FLAGS_1 = 0x6ffffffbn
const DF_1_NOW = 1n

interface Segment {
  readonly type: number
  readonly offset: number
  readonly bytes: number
}

/** @param elf 64 bits, little-endian; @returns one text for each protection that is missing */
export function hardeningFaults(elf: Buffer): string[] {
  const found = segments(elf)
  const faults: string[] = []
  if (!found.some(({ type }) => type === PT_GNU_RELRO)) faults.push('no RELRO')
  const dynamic = found.find(({ type }) => type === PT_DYNAMIC)
  if (dynamic === undefined || !bindsNow(elf, dynamic)) faults.push('no BIND_NOW')
  // A name in the table of symbols from the C library.
  if (!elf.includes('\0__stack_chk_fail\0')) faults.push('no stack protector')
  return faults
}

/**
 * True when the C library's checked functions are called. Meaningful for a library that calls
 * functions with a checked version.
 */
export function isFortified(elf: Buffer): boolean {
  return /\0__[a-z]+_chk\0/.test(elf.toString('latin1'))
}

function segments(elf: Buffer): Segment[] {
  if (elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1)
    throw new Error('no ELF file of 64 bits, little-endian')
  const start = Number(elf.readBigUInt64LE(32))
  const size = elf.readUInt16LE(54)
  return Array.from({ length: elf.readUInt16LE(56) }, (_, i) => {
    const at = start + i * size
    return {
      type: elf.readUInt32LE(at),
      offset: Number(elf.readBigUInt64LE(at + 8)),
      bytes: Number(elf.readBigUInt64LE(at + 32)),
    }
  })
}

function bindsNow(elf: Buffer, { offset, bytes }: Segment): boolean {
  for (let at = offset; at < offset + bytes; at += 16) {
    const tag = elf.readBigUInt64LE(at)
    const value = elf.readBigUInt64LE(at + 8)
    if (tag === DT_FLAGS && (value & DF_BIND_NOW) !== 0n) return true
    if (tag === DT_FLAGS_1 && (value & DF_1_NOW) !== 0n) return true
  }
  return false
}
