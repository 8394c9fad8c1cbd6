/** Objects at a real S3 server that is ended and comes back: each session is in exactly one object. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { batch } from '../../support/batches.js'
import {
  add,
  current,
  idOf,
  later,
  restart,
  sent,
  t,
  useDestinations,
} from '../../support/destinations-lab.js'
import { until } from '../../support/until.js'

interface S3Server {
  run(): Promise<{ readonly port: number }>
  close(): Promise<void>
}
const S3rver: new (options: object) => S3Server = createRequire(import.meta.url)('s3rver')
/** What s3rver's files of contents are called behind their keys. */
const OBJECT = '._S3rver_object'
const SESSIONS = 60

useDestinations()

function serverIn(directory: string, port: number): S3Server {
  const options = { address: '127.0.0.1', port, directory, silent: true }
  return new S3rver({ ...options, configureBuckets: [{ name: 'logs' }] })
}

function objectsIn(directory: string): { readonly key: string; readonly body: Buffer }[] {
  const files = readdirSync(join(directory, 'logs'), { recursive: true, encoding: 'utf8' })
  return files
    .filter((file) => file.endsWith(OBJECT))
    .map((file) => ({
      key: file.slice(0, -OBJECT.length),
      body: readFileSync(join(directory, 'logs', file)),
    }))
}

test('each session is in one object, although the S3 server and ours end meanwhile', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tunmeter-s3rver-'))
  let server = serverIn(directory, 0)
  const { port } = await server.run()
  onTestFinished(async () => {
    await server.close()
    rmSync(directory, { recursive: true })
  })
  const settings = {
    ...{ url: `http://127.0.0.1:${port}/`, bucket: 'logs', region: 'us-east-1', prefix: 'a/' },
    ...{ accessKeyId: 'S3RVER', format: 'native', file: 'ndjson', manifest: true },
  }
  const secrets = { secretAccessKey: 'S3RVER' }
  const courier = await add({ kind: 's3', settings, secrets, eventsMax: 10 })
  const delivered = () => current(courier).state.delivered
  await t.send('acme', 1, batch(1, sent(1, SESSIONS / 3)))
  await until(() => delivered() > 0)
  await server.close()
  await t.send('acme', 1, batch(2, sent(SESSIONS / 3 + 1, SESSIONS)))
  await restart()
  server = serverIn(directory, port)
  await server.run()
  await later(courier)
  await until(() => delivered() === SESSIONS)

  const objects = objectsIn(directory)
  const bodies = objects.filter(({ key }) => key.endsWith('.ndjson.gz'))
  const lines = bodies.flatMap(({ body }) => gunzipSync(body).toString().trim().split('\n'))
  expect(lines.map((line) => JSON.parse(line).sessionId).sort()).toEqual(
    Array.from({ length: SESSIONS }, (_, i) => idOf(i + 1)).sort(),
  )
  expect(bodies.map(({ key }) => key)).toEqual(
    bodies.map(() => expect.stringMatching(/^a\/session\/dt=\d{4}-\d\d-\d\d\/acme-/)),
  )
  const manifests = objects.filter(({ key }) => key.endsWith('.manifest.json'))
  const counts = bodies.map(({ key, body }) => {
    const sessions = gunzipSync(body).toString().trim().split('\n').length
    return [`${key}.manifest.json`, sessions]
  })
  expect(
    manifests.map(({ key, body }) => [key, JSON.parse(body.toString()).sessions]).sort(),
  ).toEqual(counts.sort())
})
