/** gzip, pipes, FIFOs and standard input give the packets of the plain file. */
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { pcapFile } from '../../support/capture-files.js'
import { run } from '../../support/lab.js'
import {
  bytes,
  dumpFile,
  parseDumps,
  STATUS,
  sourceDumpTool,
  sourceFiles,
} from '../../support/source-dump.js'

const files = sourceFiles()

describe('gzip and streams', () => {
  const whole = pcapFile(
    Array.from({ length: 5000 }, (_, i) => ({ seconds: i, data: bytes(i % 300, i) })),
  )
  const zipped = gzipSync(whole)
  const prepared = async () => (await dumpFile(files.write('plain', whole))).packets

  test('members one after the other, and zeros after the last', async () => {
    const members = [0, 10, 24, 5000, 5001].map((at, i, all) =>
      gzipSync(whole.subarray(at, all[i + 1])),
    )
    const path = files.write('members', Buffer.concat([...members, Buffer.alloc(70_000)]))
    expect(await dumpFile(path)).toMatchObject({ packets: await prepared(), status: STATUS.end })
  })

  test('cut or damaged: what came before is kept, then the place in the compressed file', async () => {
    const packets = await prepared()
    const cut = await dumpFile(files.write('cut', zipped.subarray(0, zipped.length >> 1)))
    expect(cut).toMatchObject({
      status: STATUS.damaged,
      code: 'FILE_TRUNCATED',
      byteOffset: zipped.length >> 1,
    })
    expect(cut.packets.length).toBeGreaterThan(100)
    expect(packets.slice(0, cut.packets.length)).toEqual(cut.packets)

    const wrongSum = Buffer.from(zipped)
    wrongSum[wrongSum.length - 8]! ^= 1
    expect(await dumpFile(files.write('sum', wrongSum))).toMatchObject({
      packets,
      status: STATUS.damaged,
      code: 'FILE_DAMAGED',
    })

    const followed = files.write('followed', Buffer.concat([zipped, Buffer.from('junk')]))
    expect(await dumpFile(followed)).toMatchObject({
      packets,
      status: STATUS.damaged,
      code: 'FILE_DAMAGED',
      byteOffset: zipped.length,
      message: expect.stringContaining('something that is not gzip follows'),
    })
  })

  test('a capture cut before it was compressed is truncated in the unpacked capture', async () => {
    const path = files.write('cut-inside', gzipSync(whole.subarray(0, whole.length - 1)))
    const dump = await dumpFile(path)
    expect(dump).toMatchObject({ status: STATUS.damaged, code: 'FILE_TRUNCATED' })
    expect(dump.byteOffset).toBe(whole.length - 16 - (4999 % 300))
    expect(dump.message).toContain('of the unpacked capture')
  })

  async function throughPipe(command: string, path: string) {
    const script = `${command} | "${await sourceDumpTool()}" "${path}"`
    return parseDumps((await run('bash', ['-c', script])).stdout)[0]!
  }

  test("standard input: a pipe, in dribs, gzip'd, a file", async () => {
    const packets = await prepared()
    const plain = files.write('plain', whole)
    const packed = files.write('packed', zipped)
    for (const command of [`cat ${plain}`, `dd if=${plain} bs=11 status=none`, `cat ${packed}`]) {
      expect(await throughPipe(command, '-'), command).toMatchObject({
        packets,
        status: STATUS.end,
      })
    }
    const redirected = (await run('bash', ['-c', `"${await sourceDumpTool()}" - < ${plain}`]))
      .stdout
    expect(parseDumps(redirected)[0]).toMatchObject({ packets, status: STATUS.end })
  })

  test('a FIFO whose writer comes late', async () => {
    const plain = files.write('plain', whole)
    const fifo = join(files.directory, 'fifo')
    await run('mkfifo', [fifo])
    const script = `"${await sourceDumpTool()}" ${fifo} & reader=$!; cat ${plain} > ${fifo}; wait $reader`
    const dump = parseDumps((await run('bash', ['-c', script])).stdout)[0]
    expect(dump).toMatchObject({ packets: await prepared(), status: STATUS.end })
  })
})
