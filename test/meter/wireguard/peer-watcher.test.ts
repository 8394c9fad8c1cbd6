import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { PeerSnapshot, WireGuardDevice } from '../../../src/meter/wireguard/device.js'
import { PeerWatcher } from '../../../src/meter/wireguard/peer-watcher.js'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

function watcher(read: (name: string, signal: AbortSignal) => Promise<WireGuardDevice>) {
  const [snapshots, failures] = [[] as PeerSnapshot[], [] as unknown[]]
  const one = new PeerWatcher({
    interfaceName: 'wg0',
    intervalMs: 1000,
    read,
    onSnapshot: (snapshot) => snapshots.push(snapshot),
    onFailure: (error) => failures.push(error),
  })
  return { one, snapshots, failures }
}
const device: WireGuardDevice = {
  interfaceName: 'wg0',
  kind: 'kernel',
  publicKey: null,
  listenPort: 1,
  peers: [],
}

test('reads at once and every interval, stamped before the read', async () => {
  const { one, snapshots } = watcher(async () => device)
  const startMs = performance.now()
  await one.start()
  // A wall clock that is set is none of its business.
  vi.setSystemTime(Date.now() - 3_600_000)
  await vi.advanceTimersByTimeAsync(2000)
  expect(snapshots.map(({ atMs }) => atMs - startMs)).toEqual([0, 1000, 2000])
  one.stop()
  await vi.advanceTimersByTimeAsync(5000)
  expect(snapshots).toHaveLength(3)
})

test('reads never overlap; demands during one share the next', async () => {
  const open: (() => void)[] = []
  const { one, snapshots } = watcher(
    () => new Promise((resolve) => open.push(() => resolve(device))),
  )
  const demands = [one.refresh(), one.refresh(), one.refresh()]
  expect(open).toHaveLength(1)
  open[0]!()
  await demands[0]
  await vi.waitFor(() => expect(open).toHaveLength(2))
  open[1]!()
  await Promise.all(demands)
  expect(snapshots).toHaveLength(2)
})

test('a failure is told once, again when it changes or comes back', async () => {
  let failing: string | undefined = 'gone'
  const { one, failures, snapshots } = watcher(async () => {
    if (failing !== undefined) throw new Error(failing)
    return device
  })
  for (const state of ['gone', 'gone', 'forbidden', undefined, 'forbidden']) {
    failing = state
    await one.refresh()
  }
  expect(failures.map(String)).toEqual(['Error: gone', 'Error: forbidden', 'Error: forbidden'])
  expect(snapshots).toHaveLength(1)
})

describe('a WireGuard that does not answer', () => {
  test('is not waited for longer than asked, and not again while it hangs; its answer counts', async () => {
    let answer = (): void => undefined
    const { one, snapshots } = watcher(
      () =>
        new Promise((resolve) => {
          answer = () => resolve(device)
        }),
    )
    const waited: string[] = []
    void one.start().then(() => waited.push('start'))
    await vi.advanceTimersByTimeAsync(999)
    expect(waited).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(waited).toEqual(['start'])
    expect(await one.refreshWithin(500)).toBe(false)
    const last = one.refreshWithin(1001)
    answer()
    await vi.advanceTimersByTimeAsync(0)
    expect(snapshots).toHaveLength(1)
    answer()
    expect(await last).toBe(true)
    one.stop()
  })

  test('is cut at the end', async () => {
    let signal: AbortSignal | undefined
    const { one, failures } = watcher(
      (_, given) =>
        new Promise((_resolve, reject) => {
          signal = given
          given.addEventListener('abort', () => reject(new Error('cut')))
        }),
    )
    const read = one.refresh()
    one.stop()
    await read
    expect(signal?.aborted).toBe(true)
    expect(failures).toEqual([])
  })
})
