/** The manifest of an export, as its last line or in a header, for clients that do not request completeness separately. */
import type { FastifyRequest } from 'fastify'
import { usToIso } from '../../base/instant.js'
import { MANIFEST_VERSION } from '../../session/manifest.js'
import type { KeyRecord } from '../control/control.js'
import type { ManifestHead } from '../export/manifest-line.js'
import type { completenessAnswer } from '../query/completeness-answer.js'
import type { LogFilter } from '../store/store.js'
import { inShort } from './site-completeness.js'

export const MANIFEST_HEADER = 'tunmeter-manifest'

interface Asked {
  readonly orgId: string
  readonly format: string
  /** Null: an export of any time. */
  readonly range: Pick<LogFilter, 'fromUs' | 'toUs'> | null
  readonly key: Pick<KeyRecord, 'keyId' | 'name'>
  readonly version: string
  /** Answered before the export, because the file then has every session that this answer counts as stored. */
  readonly completeness: ReturnType<typeof completenessAnswer> | null
}

/** Parameters that say how the file is written, not which sessions are in it. */
const NO_FILTERS = new Set(['timeStart', 'timeEnd', 'format', 'columns', 'sort', 'manifest'])

export function manifestHead(asked: Asked, { url }: Pick<FastifyRequest, 'url'>): ManifestHead {
  const { orgId, format, range, key, version, completeness } = asked
  const parameters = [...new URL(url, 'http://server').searchParams]
  return {
    manifest: MANIFEST_VERSION,
    org: orgId,
    format,
    range: range === null ? null : { from: usToIso(range.fromUs), to: usToIso(range.toUs) },
    filters: parameters
      .filter(([name]) => !NO_FILTERS.has(name))
      .map(([name, value]) => `${name}=${value}`),
    columns: null,
    askedAt: new Date().toISOString(),
    askedBy: { keyId: key.keyId, name: key.name },
    server: { url: null, version },
    completeness,
  }
}

/**
 * As ASCII, with other characters escaped as JSON does (RFC 9110, 5.5). Without the list of holes and the filters, which
 * can be longer than clients take in headers.
 */
export function manifestHeader(asked: Asked, request: Pick<FastifyRequest, 'url'>): string {
  const { filters: _, columns: __, ...head } = manifestHead(asked, request)
  const completeness = asked.completeness === null ? null : inShort(asked.completeness)
  return JSON.stringify({ ...head, completeness }).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
