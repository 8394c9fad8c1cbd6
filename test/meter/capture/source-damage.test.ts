/** A capture that is cut, changed or shrinks at any place: what came before is delivered, and nothing crashes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { truncateSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'
import { NgBlocks, pcapFile, pcapHeader, pcapRecord } from '../../support/capture-files.js'
import {
  bytes,
  dumpFile,
  dumpFiles,
  packetText,
  parseDumps,
  STATUS,
  sourceDumpTool,
  sourceFiles,
} from '../../support/source-dump.js'

const files = sourceFiles()

describe('a file that ends or is damaged anywhere', () => {
  const pcapRecords = Array.from({ length: 4 }, (_, i) =>
    pcapRecord({ seconds: i, data: bytes(20 + i) }),
  )
  const ng = new NgBlocks(true)
  const samples: [string, Buffer[]][] = [
    ['pcap', [pcapHeader(), ...pcapRecords]],
    [
      'pcapng',
      [
        ng.section(),
        ng.interface(101, [ng.resolution(9)]),
        ng.packet(0, 1n, bytes(21)),
        ng.block(99, bytes(40)),
        ng.simplePacket(bytes(22)),
        ng.obsoletePacket(0, 2n, bytes(23)),
        new NgBlocks().section(),
      ],
    ],
  ]

  test.each(samples)(
    '%s cut at every byte gives the packets before it and the offset',
    async (format, parts) => {
      const whole = Buffer.concat(parts)
      const packets = (await dumpFile(files.write(`whole.${format}`, whole))).packets
      const starts = parts.map((_, i) => Buffer.concat(parts.slice(0, i)).length)
      const paths = Array.from(whole, (_, at) =>
        files.write(`${format}-${at}`, whole.subarray(0, at)),
      )
      const dumps = await dumpFiles(paths)
      // How many packets the first n parts hold: all but headers, interfaces and unknown blocks.
      const holds = parts.map((part, i) =>
        format === 'pcap' ? i > 0 : [2, 3, 6].includes(part.readUInt32BE(0)),
      )
      for (const [at, dump] of dumps.entries()) {
        const wholeParts = starts.filter((start, i) => start + parts[i]!.length <= at).length
        const boundary = starts[wholeParts] === at && at > 0
        const want = packets.slice(0, holds.slice(0, wholeParts).filter(Boolean).length)
        expect(dump.packets, `cut at ${at}`).toEqual(want)
        const code = at < 4 ? 'NOT_A_CAPTURE' : boundary ? 'OK' : 'FILE_TRUNCATED'
        expect([at, dump.code, dump.byteOffset]).toEqual([
          at,
          code,
          boundary || at < 4 ? 0 : starts[wholeParts],
        ])
      }
    },
  )

  test.each(samples)(
    '%s with any byte changed is read up to there, without a crash',
    async (format, parts) => {
      const whole = Buffer.concat(parts)
      const packets = (await dumpFile(files.write(`whole.${format}`, whole))).packets
      const starts = parts.map((_, i) => Buffer.concat(parts.slice(0, i)).length)
      const holds = parts.map((part, i) =>
        format === 'pcap' ? i > 0 : [2, 3, 6].includes(part.readUInt32BE(0)),
      )
      const paths = Array.from(whole, (byte, at) => {
        const copy = Buffer.from(whole)
        copy[at] = byte ^ 0xff
        return files.write(`${format}-x${at}`, copy)
      })
      const dumps = await dumpFiles(paths)
      for (const [at, dump] of dumps.entries()) {
        const inPart = starts.filter((start) => start <= at).length - 1
        // A changed header or interface changes what every packet after it is.
        const sound =
          inPart === 0 || (format === 'pcapng' && inPart === 1)
            ? 0
            : holds.slice(0, inPart).filter(Boolean).length
        expect(dump.packets.slice(0, sound), `changed at ${at}`).toEqual(packets.slice(0, sound))
      }
    },
  )

  test('a file that shrinks while it is read ends early, in order', async () => {
    const records = Array.from({ length: 3000 }, (_, i) => ({ seconds: i, data: bytes(1000, i) }))
    const whole = pcapFile(records)
    const path = files.write('shrinks', whole)
    const tool = spawn(await sourceDumpTool(), ['--step', path], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const lines: string[] = []
    let step = () => {}
    createInterface(tool.stdout).on('line', (text) => {
      lines.push(text)
      if (text === 'read') step()
    })
    const stepped = new Promise<void>((resolve) => {
      step = resolve
    })
    tool.stdin.write('.')
    await stepped
    truncateSync(path, 400_000)
    tool.stdin.end()
    await once(tool, 'close')
    const [dump] = parseDumps(lines.join('\n'))
    expect(dump).toMatchObject({ status: STATUS.damaged, code: 'FILE_TRUNCATED' })
    expect(dump!.packets).toHaveLength(Math.floor((400_000 - 24) / 1016))
    expect(dump!.byteOffset).toBe(24 + dump!.packets.length * 1016)
    expect(dump!.packets.at(-1)).toBe(
      packetText(
        BigInt(dump!.packets.length - 1) * 1_000_000_000n,
        101,
        bytes(1000, dump!.packets.length - 1),
      ),
    )
  })
})
