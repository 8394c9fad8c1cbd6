/** Destinations hold rows in memory. After an erasure that failed they must read them again, as after any other. */
import { expect, test } from 'vitest'
import type { ServerContext } from '../../../src/server/http/context.js'
import { subjectRoutes } from '../../../src/server/http/routes/subject.js'

const FAULT = new Error('the disk is full')

test.each(['erase', 'pseudonymise'] as const)('%s fails after a part', async (how) => {
  const forgotten: string[] = []
  const written: unknown[] = []
  const catalog = { clients: [], users: [], resources: [], sites: [] }
  const context = {
    store: {
      count: async () => 1,
      peerEventsOf: async () => 0,
      catalog: async () => ({ catalog, etag: 'e' }),
      [how]: () => Promise.reject(FAULT),
    },
    destinations: { forget: (orgId: string) => forgotten.push(orgId) },
    security: { done: async (...entry: unknown[]) => void written.push(entry) },
  } as unknown as ServerContext
  const route = subjectRoutes(context).find(({ path }) => path.endsWith('/erase'))!
  const call = {
    ...{ params: { orgId: 'acme' }, query: {}, key: null, request: { ip: '::1' } },
    body: { userId: 'u1', confirm: 1, pseudonymise: how === 'pseudonymise' },
  }
  await expect(route.handle(call as never)).rejects.toBe(FAULT)
  expect(forgotten).toEqual(['acme'])
  expect(written.at(-1)).toMatchObject(['subjectErased', '::1', null, { failed: true }])
})
