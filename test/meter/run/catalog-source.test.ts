import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import type { Logger } from '../../../src/base/log.js'
import { catalogFromFile, catalogFromServer } from '../../../src/meter/run/catalog-source.js'
import type { Connection } from '../../../src/meter/ship/connection.js'
import { temporaryDirectory } from '../../support/temporary.js'

test('a file that is broken, or gone, is read and said once, and used when it is mended', async () => {
  const path = join(temporaryDirectory(), 'catalog.yaml')
  const write = (id: string) => writeFileSync(path, `sites: [{ siteId: ${id}, name: x }]\n`)
  write('1')
  const said: string[] = []
  const log = {
    error: ({ problem }: { problem: string }) => said.push(problem),
    info: (_: unknown, text: string) => said.push(text),
  } as unknown as Logger
  const source = catalogFromFile(path, { users: true, log })
  expect(await source.first()).toMatchObject({ sites: [{ siteId: 1 }] })
  write('nonsense')
  for (let i = 0; i < 3; i++) expect(await source.poll()).toBe(null)
  expect(said).toEqual([expect.stringContaining('sites[0].siteId')])
  write('22')
  expect(await source.poll()).toMatchObject({ sites: [{ siteId: 22 }] })
  expect(await source.poll()).toBe(null)
  expect(said.slice(1)).toEqual(['catalog reloaded'])
})

afterEach(() => vi.useRealTimers())

test('the server is asked every minute, whatever the wall clock is set to meanwhile', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] })
  let asked = 0
  const catalogText = async () => {
    asked++
    return null
  }
  const connection = { catalogText } as unknown as Connection
  const source = catalogFromServer(connection, () => ({ orgId: 'acme', siteId: 3 }), {
    spoolDirectory: temporaryDirectory(),
    bytesMax: 1_000_000,
    users: false,
    log: {} as Logger,
  })
  for (const set of [0, -3_600_000, 7_200_000]) {
    vi.setSystemTime(Date.now() + set)
    await source.poll()
    const before = asked
    vi.advanceTimersByTime(59_000)
    await source.poll()
    expect(asked).toBe(before)
    vi.advanceTimersByTime(2_000)
    await source.poll()
    expect(asked).toBe(before + 1)
  }
})
