/** What native/source_*.cc delivers, through test/native/source_dump.cc, and the same from the twin's own reader. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { crc32 } from 'node:zlib'
import { afterAll, beforeAll } from 'vitest'
import { run } from './lab.js'
import { buildTool } from './native-tool.js'
import { type Packet, readCapture } from './twin/capture.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Compiling it takes seconds; the rest is for machines that are busy. */
const TOOL_BUILD_MS_MAX = 240_000

export const STATUS = { ok: 0, waited: 1, end: 2, damaged: 3, failed: 4, gone: 5 } as const

export interface Dump {
  /** "timestamp_ns link_type captured_bytes wire_bytes crc32" of each packet; timestamp "-": none. */
  readonly packets: string[]
  readonly status: number
  readonly code: string
  readonly byteOffset: number
  readonly message: string
}

export function sourceDumpTool(): Promise<string> {
  return buildTool('source_dump', [`${ROOT}test/native/source_dump.cc`])
}

/** Splits the tool's output: a Dump for each input. */
export function parseDumps(output: string): Dump[] {
  const dumps: Dump[] = []
  let packets: string[] = []
  for (const line of output.split('\n')) {
    const end = /^= (\d) (\S+) (\d+) (\d+) (.*)$/.exec(line)
    if (end === null) {
      if (/^(-|-?\d+) \d/.test(line)) packets.push(line)
      continue
    }
    const [, status, code, byteOffset, count, message] = end
    if (Number(count) !== packets.length) throw new Error(`${count} packets, not ${packets.length}`)
    dumps.push({
      packets,
      status: Number(status),
      code: code!,
      byteOffset: Number(byteOffset),
      message: message!,
    })
    packets = []
  }
  return dumps
}

/** Reads files with the real source. */
export async function dumpFiles(paths: readonly string[]): Promise<Dump[]> {
  const dumps = parseDumps((await run(await sourceDumpTool(), paths)).stdout)
  if (dumps.length !== paths.length) throw new Error(`${dumps.length} of ${paths.length} files`)
  return dumps
}

export async function dumpFile(path: string): Promise<Dump> {
  return (await dumpFiles([path]))[0]!
}

/** The line of one packet as the tool prints it. */
export function packetText(
  ns: bigint | '-',
  linkType: number,
  data: Uint8Array,
  wireBytes = data.length,
): string {
  const sum = crc32(data).toString(16).padStart(8, '0')
  return `${ns} ${linkType} ${data.length} ${wireBytes} ${sum}`
}

/** Bytes that differ from place to place and from seed to seed. */
export function bytes(count: number, seed = 1): Buffer {
  return Buffer.from(Array.from({ length: count }, (_, i) => (i * 31 + seed * 17) & 0xff))
}

/** Files of one test, in a directory of their own. */
export class ScratchFiles {
  readonly directory = mkdtempSync(join(tmpdir(), 'tunmeter-source-'))
  write(name: string, content: Uint8Array): string {
    const path = join(this.directory, name)
    writeFileSync(path, content)
    return path
  }
  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** For a test file that works with scratch files and the tool: both from its start to its end. */
export function sourceFiles(): ScratchFiles {
  const files = new ScratchFiles()
  beforeAll(async () => {
    await sourceDumpTool()
  }, TOOL_BUILD_MS_MAX)
  afterAll(() => files.remove())
  return files
}

/** The same file by the twin's reader, which shares no code with the real one. */
export function twinLines(path: string): { packets: string[]; damaged: boolean } {
  const capture = readCapture(readFileSync(path))
  const packetLine = (packet: Packet) =>
    packetText(packet.ns ?? '-', packet.linkType, packet.data, packet.wireBytes)
  return { packets: capture.packets.map(packetLine), damaged: capture.damage !== null }
}
