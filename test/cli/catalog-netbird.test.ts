/** NetBird's management API, by a double that answers as its documentation shows. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadCatalog } from '../../src/meter/attribution/catalog-file.js'
import { runHere } from '../support/run-here.js'
import { temporaryDirectory } from '../support/temporary.js'

const ANSWERS: Readonly<Record<string, unknown>> = {
  '/api/peers': [
    {
      id: 'chacbco6lnnbn6cg5s90',
      name: 'stage-host-1',
      ip: '10.64.0.1',
      connected: true,
      os: 'linux',
      groups: [{ id: 'ch8i4ug6lnn4g9hqv7m0', name: 'devs', peers_count: 2 }],
      user_id: 'google-oauth2|277474792786460067937',
    },
    { id: 'chacbco6lnnbn6cg5s91', name: 'router', ip: '10.64.0.2', ipv6: 'fd00::2', user_id: '' },
  ],
  '/api/users': [
    {
      id: 'google-oauth2|277474792786460067937',
      email: 'demo@netbird.io',
      name: 'Tom Schulz',
      role: 'admin',
      is_service_user: false,
    },
    { id: 'service', name: '', email: '' },
  ],
  '/api/networks': [
    { id: 'net1', name: 'Berlin', resources: ['r1', 'r2'], routing_peers_count: 1 },
  ],
  '/api/networks/net1/resources': [
    {
      id: 'r1',
      type: 'subnet',
      name: 'Office',
      address: '10.20.0.0/16',
      enabled: true,
      groups: [],
    },
    { id: 'r2', type: 'domain', name: 'Wiki', address: '*.example.com', enabled: true, groups: [] },
  ],
}

let netBird: Server
let from: string
beforeAll(async () => {
  netBird = createServer((request, response) => {
    const right = request.headers.authorization === 'Token nbp_right'
    const answer = right ? ANSWERS[request.url!] : { message: 'token invalid', code: 401 }
    response.writeHead(right ? (answer === undefined ? 404 : 200) : 401)
    response.end(JSON.stringify(answer ?? { message: 'not found', code: 404 }))
  }).listen(0, '127.0.0.1')
  await once(netBird, 'listening')
  from = `http://127.0.0.1:${(netBird.address() as AddressInfo).port}`
})
afterAll(() => {
  netBird.close()
})

const pull = (base: string, token = 'nbp_right') =>
  runHere(['catalog', 'pull', '--source', 'netbird', '--from', base, '--print'], {
    env: { TUNMETER_FROM_KEY: token },
  }).finished

test('peers by address, users, resources of all networks; ids are the same every time', async () => {
  const { code, stdout, stderr } = await pull(from)
  expect([code, stderr]).toEqual([
    0,
    'left out: resource Wiki: its address "*.example.com" is a name\n',
  ])
  const path = join(temporaryDirectory(), 'catalog.yaml')
  writeFileSync(path, stdout)
  const { clients, users, resources } = loadCatalog(path)
  expect(clients).toEqual([
    {
      clientId: expect.any(Number),
      name: 'stage-host-1',
      userId: 'google-oauth2|277474792786460067937',
      addresses: ['10.64.0.1'],
    },
    { clientId: expect.any(Number), name: 'router', addresses: ['10.64.0.2', 'fd00::2'] },
  ])
  expect(users).toEqual([
    {
      userId: 'google-oauth2|277474792786460067937',
      name: 'Tom Schulz',
      email: 'demo@netbird.io',
    },
    { userId: 'service', name: 'service' },
  ])
  expect(resources).toMatchObject([{ name: 'Office', destination: '10.20.0.0/16' }])
  expect((await pull(from)).stdout).toBe(stdout)
})

test('a wrong token and a wrong address are said', async () => {
  expect((await pull(from, 'nbp_wrong')).stderr).toContain('answers 401: token invalid')
  expect((await pull(`${from}/api`)).stderr).toContain('answers 404: not found')
})
