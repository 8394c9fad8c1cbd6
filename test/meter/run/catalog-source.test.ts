import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Logger } from '../../../src/base/log.js'
import { catalogFromFile } from '../../../src/meter/run/catalog-source.js'
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
  const source = catalogFromFile(path, log)
  expect(await source.first()).toMatchObject({ sites: [{ siteId: 1 }] })
  write('nonsense')
  for (let i = 0; i < 3; i++) expect(await source.poll()).toBe(null)
  expect(said).toEqual([expect.stringContaining('sites[0].siteId')])
  write('22')
  expect(await source.poll()).toMatchObject({ sites: [{ siteId: 22 }] })
  expect(await source.poll()).toBe(null)
  expect(said.slice(1)).toEqual(['catalog reloaded'])
})
