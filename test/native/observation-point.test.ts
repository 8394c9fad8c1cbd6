/**
 * The threads of an observation point, read to the end, stopped and abandoned at any time, under AddressSanitizer and
 * UndefinedBehaviorSanitizer; TUNMETER_SANITIZER=thread runs the same under ThreadSanitizer (docs/engine.md).
 */
import { beforeAll, expect, test } from 'vitest'
import { pcapFile } from '../support/capture-files.js'
import { run } from '../support/lab.js'
import { buildTool } from '../support/native-tool.js'
import { ipv4, udp } from '../support/packets.js'
import { ScratchFiles } from '../support/source-dump.js'

const PACKETS = 12_000

let driver = ''
beforeAll(async () => {
  driver = await buildTool('point_driver', [new URL('point_driver.cc', import.meta.url).pathname])
}, 300_000)

test('no race, no leak, no thread left, whatever happens when', async () => {
  const files = new ScratchFiles()
  try {
    const packets = Array.from({ length: PACKETS }, (_, i) => ({
      seconds: 1_700_000_000 + (i >> 3),
      data: Uint8Array.from(
        ipv4({ from: `10.0.${i >> 8}.${i & 255}`, to: '10.9.9.9', protocol: 17 }, udp(9, 53, [1])),
      ),
    }))
    const capture = pcapFile(packets, { linkField: 101 })
    const paths = [
      files.write('whole.pcap', capture),
      files.write('cut.pcap', capture.subarray(0, -1)),
      files.write('text.pcap', Buffer.from('no capture')),
    ]
    const seed = String(Math.floor(Math.random() * 2 ** 31))
    const { stdout } = await run(driver, [seed, ...paths], { timeoutMs: 240_000 })
    expect(JSON.parse(stdout), `seed ${seed}`).toMatchObject({ packets: 2 * PACKETS - 1 })
  } finally {
    files.remove()
  }
}, 300_000)
