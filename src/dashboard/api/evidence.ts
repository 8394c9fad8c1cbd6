/** An export with its manifest, like those of `tunmeter export`. `tunmeter verify` checks them. */
import type { Manifest } from '../../session/manifest.js'
import { SERVER_URL } from '../state/base.js'
import type { QueryParams } from '../state/url.js'
import { ownError, request } from './client.js'
import { fetchCompleteness } from './completeness.js'
import { exportHref } from './logs.js'
import type { Completeness, KeyInfo } from './types.js'

/** A bound, because the page holds the file in memory until it is saved. */
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
  if (crypto.subtle === undefined) throw ownError(-1, 'insecure')
  const { timeStart, timeEnd, sort: _, ...filters } = query
  // Asked before the export, because the file then has every session that this answer counts as stored.
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
      server: { url: SERVER_URL, version },
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
  if (!response.ok || response.body === null) throw ownError(response.status, 'exportRefused')
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
      throw ownError(-1, 'tooLargeForPage')
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

/** Counts rows without the header. A line end within quotes belongs to a field. */
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
