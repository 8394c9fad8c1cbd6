/** The addon in worker threads: each has its own state, and ends whatever its engine is doing. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterAll, describe, expect, test } from 'vitest'
import { pcapFile } from '../../support/capture-files.js'
import { run } from '../../support/lab.js'
import { ipv4, udp } from '../../support/packets.js'
import { ScratchFiles } from '../../support/source-dump.js'

const files = new ScratchFiles()
afterAll(() => files.remove())

/** Ten new sessions a second: most end while the file is read, and their records do not fit into the worker's queue. */
const SESSIONS = 5_000
const capture = files.write(
  'many.pcap',
  pcapFile(
    Array.from({ length: SESSIONS }, (_, i) => ({
      seconds: 1_700_000_000 + Math.floor(i / 10),
      data: Uint8Array.from(
        ipv4(
          { from: `10.0.${i >> 8}.${i & 255}`, to: '10.9.9.9', protocol: 17 },
          udp(1000, 53, [1]),
        ),
      ),
    })),
    { linkField: 101 },
  ),
)

function start(paths: readonly string[], take: boolean): Worker {
  return new Worker(new URL('../../support/meter-worker.mjs', import.meta.url), {
    workerData: { paths, take },
  })
}

describe('worker threads', () => {
  test('two at once meter the same file, each whole', async () => {
    const counts = await Promise.all(
      [start([capture], true), start([capture], true)].map(async (worker) => {
        const messages: unknown[] = []
        worker.on('message', (message) => messages.push(message))
        await once(worker, 'exit')
        return messages.at(-1)
      }),
    )
    // The queue's order is the engine's: two runs of one file agree to the record.
    expect(counts[0]).toBeGreaterThanOrEqual(SESSIONS)
    expect(counts[1]).toBe(counts[0])
  })

  test('one ends while its engine waits for somebody to take records', async () => {
    const worker = start([capture], false)
    await once(worker, 'message')
    expect(await worker.terminate()).toBe(1)
  })

  test('one ends while its engine waits for input', async () => {
    const fifo = `${files.directory}/fifo`
    await run('mkfifo', [fifo])
    const worker = start([capture, fifo], true)
    await once(worker, 'message')
    expect(await worker.terminate()).toBe(1)
  })

  test.each(['point', 'points', 'engine', 'engines', 'rows', 'csv'])(
    'ended in the middle of a call of the addon do not end the process: %s',
    async (kind) => {
      const script = new URL('../../support/ended-workers.mjs', import.meta.url).pathname
      const { stdout } = await run(process.execPath, [script, kind, '8', capture])
      expect(stdout).toBe('8\n')
    },
  )
})
