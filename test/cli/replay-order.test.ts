/** Several files are one capture: their order on the command line decides nothing, and where they overlap time does. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type PcapRecord, pcapFile } from '../support/capture-files.js'
import { FakeServer } from '../support/fake-server.js'
import { ipv4, udp } from '../support/packets.js'
import { run } from '../support/process.js'
import { temporaryDirectory } from '../support/temporary.js'

const BEGIN = 1_764_000_000
/** A session with a packet each 20 s, and one of its own each minute. */
const RECORDS: readonly PcapRecord[] = Array.from({ length: 90 }, (_, i) => ({
  seconds: BEGIN + 20 * i,
  data: Uint8Array.from(
    ipv4(
      { from: '10.8.0.2', to: '10.0.0.9', protocol: 17 },
      udp(i % 3 === 2 ? 50_000 + i : 40_000, 53),
    ),
  ),
}))

const directory = () => temporaryDirectory()
function write(folder: string, name: string, records: readonly PcapRecord[]): string {
  const path = join(folder, name)
  writeFileSync(path, pcapFile(records))
  return path
}

/** The sessions without the ids, which follow from the files. */
async function sessions(...args: string[]) {
  const { code, stdout, stderr } = await run(['replay', '--format', 'ndjson', ...args])
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => ({ ...(JSON.parse(line) as object), sessionId: null }))
  return { code, stderr, rows }
}

const parts = (folder: string): string[] =>
  [0, 1, 2].map((k) => write(folder, `cap.pcap${k}`, RECORDS.slice(30 * k, 30 * (k + 1))))

test('files in any order are read in the order of their first packets, and it is said', async () => {
  const folder = directory()
  const whole = await sessions(write(folder, 'whole.pcap', RECORDS))
  const [a, b, c] = parts(folder)
  const given = await sessions(a!, b!, c!)
  const shuffled = await sessions(c!, a!, b!)
  expect(given).toEqual({ ...whole, stderr: '' })
  expect(shuffled.rows).toEqual(whole.rows)
  expect(shuffled.stderr).toBe(
    `tunmeter: read in the order of their first packets: ${a}, ${b}, ${c}\n`,
  )
})

test('delivered in another order, they are stored once', async () => {
  const server = await new FakeServer().start()
  const [a, b, c] = parts(directory())
  const meterIds: string[] = []
  server.misbehave = ({ batch }) => {
    meterIds.push(batch.meterId)
    return false
  }
  for (const files of [
    [a, b, c],
    [b, c, a],
  ])
    expect(
      (await run(['replay', '--to', server.url, '--key', 'k', ...files.map(String)])).code,
    ).toBe(0)
  expect(meterIds).toEqual([meterIds[0], meterIds[0]])
})

test('files that overlap are merged by time, and it is said', async () => {
  const folder = directory()
  const whole = await sessions(write(folder, 'whole.pcap', RECORDS))
  const one = write(
    folder,
    'one.pcap',
    RECORDS.filter((_, i) => i % 2 === 0),
  )
  const other = write(
    folder,
    'other.pcap',
    RECORDS.filter((_, i) => i % 2 === 1),
  )
  const merged = await sessions(one, other)
  expect(merged.rows).toEqual(whole.rows)
  expect([merged.code, merged.stderr]).toEqual([
    0,
    'tunmeter: 1 of 2 files begin before others end: merged by time\n',
  ])
})

test('standard input among files is refused with the reason', async () => {
  const [a] = parts(directory())
  const { code, stderr } = await run(['replay', a!, '-'], { input: pcapFile(RECORDS) })
  expect(stderr).toMatch(
    /standard input cannot be put in order of time with other files, since it can/,
  )
  expect(code).toBe(2)
})
