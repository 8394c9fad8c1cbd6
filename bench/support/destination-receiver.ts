/**
 * Receivers to measure destinations with, in a process of its own (fork). It keeps what it is sent as it came and answers
 * at once, so that it takes as little of the machine as it can; `check` reads all of it afterwards.
 *
 *   -> { cert, key }            of the TLS server
 *   <- { http, tls }            ports
 *   -> { check: KIND }          <- { rows, distinct } of what came since the last check
 *   -> { held: true }           <- { held } requests to `/down…` so far
 *
 * Paths: `/down…` is read and never answered; `/_bulk` is answered as Elasticsearch does; all else with 200.
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { gunzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'

export interface Checked {
  readonly rows: number
  readonly distinct: number
}

const TAKEN = '{"create":{"status":201}}'
const NEWLINE = 10
let bodies: Buffer[] = []
let held = 0

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  if (request.url!.startsWith('/down')) {
    held++
    return
  }
  const body = Buffer.concat(chunks)
  bodies.push(body)
  if (request.url!.startsWith('/services/collector'))
    return void response.end('{"text":"Success","code":0}')
  if (!request.url!.startsWith('/_bulk')) return void response.end()
  const documents = lines(gunzipSync(body)) / 2
  response.end(`{"errors":false,"items":[${new Array<string>(documents).fill(TAKEN).join(',')}]}`)
}

function lines(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count++
  return count
}

const SESSION_ID = /"sessionId":"([^"]+)"/g
const ID: Readonly<Record<string, RegExp>> = {
  elasticsearch: /"event":\{[^}]*?"id":"([^"]+)"/g,
  // Tags and lengths of an attribute that is a text of 26 letters.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: protobuf is binary.
  otlp: /\x12\x1c\x0a\x1a([0-9A-Z]{26})/g,
}

/** Ids of sessions in NDJSON, _bulk, syslog or OTLP: each event has exactly one. */
function idsOf(kind: string, body: Buffer): string[] {
  const text = (kind === 'syslog' ? body : gunzipSync(body)).toString('latin1')
  return [...text.matchAll(ID[kind] ?? SESSION_ID)].map(([, one]) => one!)
}

async function parquetIds(files: readonly Buffer[]): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'tunmeter-bench-'))
  files.forEach((file, i) => void writeFileSync(join(directory, `${i}.parquet`), file))
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const sql = `SELECT sessionId FROM read_parquet('${directory}/*.parquet')`
  const read = await connection.runAndReadAll(sql)
  rmSync(directory, { recursive: true })
  return read.getRows().map(([id]) => String(id))
}

async function check(kind: string): Promise<Checked> {
  const ids =
    kind === 's3-parquet' ? await parquetIds(bodies) : bodies.flatMap((body) => idsOf(kind, body))
  bodies = []
  return { rows: ids.length, distinct: new Set(ids).size }
}

interface Message {
  readonly check?: string
  readonly held?: boolean
  readonly cert?: string
  readonly key?: string
}

process.on('message', async (message: Message) => {
  if (message.held === true) return void process.send!({ held })
  if (message.check !== undefined) return void process.send!(await check(message.check))
  const http = createServer((request, response) => void answer(request, response))
  const tls = createTlsServer({ cert: message.cert!, key: message.key! }, (socket) => {
    socket.on('error', () => undefined)
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('end', () => bodies.push(Buffer.concat(chunks)))
  })
  const ports = await Promise.all(
    [http, tls].map(async (server) => {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return (server.address() as AddressInfo).port
    }),
  )
  process.send!({ http: ports[0], tls: ports[1] })
})
process.once('disconnect', () => process.exit())
