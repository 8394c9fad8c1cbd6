/** An export with its manifest, as `tunmeter export` makes them and `tunmeter verify` checks them. */
import type { Manifest } from '../../session/manifest.js'
import type { QueryParams } from '../state/url.js'
import { ApiError, request } from './client.js'
import { fetchCompleteness } from './completeness.js'
import { exportHref } from './logs.js'
import type { Completeness, KeyInfo } from './types.js'

/** The page holds the file until it is saved. */
export const EVIDENCE_BYTES_MAX = 256e6

export interface Evidence {
  readonly name: string
  readonly file: Blob
  readonly manifest: Manifest
  readonly completeness: Completeness
}

/** @param query with timeStart and timeEnd, without limit and offset */
export async function makeEvidence(
  orgId: string,
  query: QueryParams,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<Evidence> {
  if (crypto.subtle === undefined)
    throw new ApiError(-1, 'Browsers make hashes over https only; tunmeter export makes the same.')
  const { timeStart, timeEnd, sort: _, ...filters } = query
  // Before the export: what is acknowledged by then is in the file.
  const sites = { siteId: filters.siteId }
  const completeness = await fetchCompleteness(orgId, { timeStart, timeEnd, ...sites }, signal)
  const askedAt = new Date().toISOString()
  const { keyId, name: keyName, version } = await request<KeyInfo>('/key', { signal })
  const { name, bytes } = await download(exportHref(orgId, query, 'csv'), signal, onBytes)
  const { rows, columns } = factsOf(bytes)
  return {
    name,
    file: new Blob([bytes], { type: 'text/csv' }),
    completeness,
    manifest: {
      manifest: 1,
      org: orgId,
      format: 'csv',
      range: { from: String(timeStart), to: String(timeEnd) },
      filters: Object.entries(filters).flatMap(([filter, values]) =>
        [values ?? []].flat().map((value) => `${filter}=${value}`),
      ),
      columns,
      rows,
      bytes: bytes.length,
      sha256: hex(await crypto.subtle.digest('SHA-256', bytes)),
      askedAt,
      askedBy: { keyId, name: keyName },
      server: { url: window.location.origin, version },
      completeness,
    },
  }
}

type Bytes = Uint8Array<ArrayBuffer>

async function download(
  path: string,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<{ name: string; bytes: Bytes }> {
  const response = await fetch(path, { credentials: 'same-origin', signal })
  if (!response.ok || response.body === null)
    throw new ApiError(response.status, `The export was refused (HTTP ${response.status}).`)
  const disposition = response.headers.get('content-disposition') ?? ''
  const name = /filename="([^"]+)"/.exec(disposition)?.[1] ?? 'connections.csv'
  const chunks: Bytes[] = []
  let length = 0
  const reader = response.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > EVIDENCE_BYTES_MAX) {
      await reader.cancel()
      throw new ApiError(
        -1,
        'More than 256 MB: a page cannot hold that. tunmeter export writes a file of any size with its manifest.',
      )
    }
    chunks.push(value)
    onBytes(length)
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return { name, bytes }
}

const NEWLINE = 0x0a
const QUOTE = 0x22

/** Rows without the header; a line end within quotes ends none. */
function factsOf(bytes: Bytes): { rows: number; columns: string[] } {
  let lines = 0
  let quoted = false
  for (const byte of bytes) {
    if (byte === QUOTE) quoted = !quoted
    else if (byte === NEWLINE && !quoted) lines++
  }
  const end = bytes.indexOf(NEWLINE)
  const head = new TextDecoder().decode(bytes.subarray(0, end < 0 ? undefined : end))
  return { rows: Math.max(0, lines - 1), columns: head.trimEnd().split(',') }
}

function hex(digest: ArrayBuffer): string {
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
