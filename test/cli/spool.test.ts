import { describe, expect, test } from 'vitest'
import { Connection } from '../../src/meter/ship/connection.js'
import { Shipper } from '../../src/meter/ship/shipper.js'
import { FakeServer } from '../support/fake-server.js'
import { run } from '../support/run-here.js'
import { aSpool, batchOf } from '../support/spools.js'

const NEVER = new AbortController().signal

async function refusedSpool(): Promise<{ directory: string; meterId: string }> {
  const { spool, directory } = await aSpool()
  for (let i = 1; i <= 3; i++) await spool.append(batchOf(i, spool.meterId))
  await spool.quarantine(2, { atMs: 0, status: 422, reason: 'HTTP 422: no' })
  await spool.close()
  return { directory, meterId: spool.meterId }
}

describe('tunmeter spool', () => {
  test('ls shows what waits and what was quarantined', async () => {
    const { directory, meterId } = await refusedSpool()
    const { code, stdout } = await run(['spool', 'ls', '--spool', directory])
    expect(code).toBe(0)
    const [head, ...lines] = stdout.trim().split('\n')
    expect(head).toBe(
      `meter ${meterId}: 2 batches (4 sessions) waiting, 1 batch (2 sessions) quarantined`,
    )
    expect(lines.map((l) => l.trim().split(/ {2,}/)).map((c) => [c[0], c.at(-1)])).toEqual([
      ['1', 'waiting'],
      ['3', 'waiting'],
      ['2', 'refused: HTTP 422: no'],
    ])
  })

  test('show prints the batch', async () => {
    const { directory } = await refusedSpool()
    const { stdout } = await run(['spool', 'show', '3', '--spool', directory])
    const batch = JSON.parse(stdout) as { batch: number; sessions: unknown[] }
    expect([batch.batch, batch.sessions.length]).toEqual([3, 3])
  })

  test('drop deletes a quarantined batch, and only such a one', async () => {
    const { directory } = await refusedSpool()
    const refused = await run(['spool', 'drop', '1', '--spool', directory])
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('there is no batch 1'),
    ])
    const { stdout } = await run(['spool', 'drop', '--all', '--spool', directory])
    expect(stdout).toBe('batch 2 dropped with 2 sessions\n')
    const { spool } = await aSpool({ directory })
    expect(spool.depth()).toMatchObject({ batches: 2, quarantined: 0 })
  })

  test('resend reaches a running meter, under the same number', async () => {
    const server = await new FakeServer().start()
    const { spool, directory } = await aSpool()
    await spool.append(batchOf(2, spool.meterId))
    await spool.quarantine(1, { atMs: 0, status: 422, reason: 'no' })
    const connection = await Connection.open({ url: server.url, key: 'k' })
    const shipper = new Shipper({ spool, connection })
    shipper.start()
    const { stdout } = await run(['spool', 'resend', '1', '--spool', directory])
    expect(stdout).toBe('batch 1 waits again\n')
    // What the meter does every second.
    expect(spool.depth()).toMatchObject({ batches: 1, quarantined: 0 })
    await shipper.drained(NEVER)
    await shipper.stop()
    expect([...server.stored.keys()]).toEqual([1])
  })

  test('single refused sessions go out as a batch of their own, without a running meter', async () => {
    const server = await new FakeServer().start()
    server.refuse = [1]
    const { spool, directory } = await aSpool()
    await spool.append(batchOf(3, spool.meterId))
    const connection = await Connection.open({ url: server.url, key: 'k' })
    const shipper = new Shipper({ spool, connection })
    shipper.start()
    await shipper.drained(NEVER)
    await shipper.stop()
    const locked = await run(['spool', 'resend', '--all', '--spool', directory])
    expect([locked.code, locked.stderr]).toEqual([1, expect.stringContaining('stop it first')])
    await spool.close()
    const { stdout } = await run(['spool', 'resend', '--all', '--spool', directory])
    expect(stdout).toBe('batch 1 waits again as batch 2\n')
    const { spool: again } = await aSpool({ directory })
    expect(again.nextBatch).toBe(3)
    const shown = await run(['spool', 'show', '2', '--spool', directory])
    const batch = JSON.parse(shown.stdout) as { batch: number; sessions: { sessionId: string }[] }
    const refused = server.stored.get(1)!.sessions[1]!
    expect([batch.batch, batch.sessions.map((s) => s.sessionId)]).toEqual([2, [refused.sessionId]])
  })

  test.each<[string, string[], number, RegExp]>([
    ['no spool', ['ls', '--spool', '/nowhere'], 1, /there is no spool in \/nowhere/],
    ['no number', ['show', 'x'], 2, /expected the number of a batch|there is no spool/],
    ['neither batches nor --all', ['drop', '--spool', '/nowhere'], 1, /no spool/],
  ])('%s', async (_, args, exitCode, message) => {
    const { code, stderr } = await run(['spool', ...args])
    expect(stderr).toMatch(message)
    expect(code).toBe(exitCode)
  })
})
