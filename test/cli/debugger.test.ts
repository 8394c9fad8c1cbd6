/** Node opens its debugger at SIGUSR1: whoever may connect to loopback would be in a process with keys and rights. */
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.js'

test('SIGUSR1 opens no debugger', async () => {
  const server = await TestServer.start()
  server.signal('SIGUSR1')
  expect((await server.get('/api/v1/key')).status).toBe(401)
  await server.kill('SIGTERM')
  expect(server.log.filter((line) => /debugger|inspector/i.test(line))).toEqual([])
  await server.stop()
})
