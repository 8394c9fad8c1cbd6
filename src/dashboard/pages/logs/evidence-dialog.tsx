/** Makes an evidence export and shows its manifest: range, filters, rows, losses, reconciliation, and hash. */

import { useEffect, useState } from 'preact/hooks'
import { type Evidence, makeEvidence } from '../../api/evidence.js'
import { faultText } from '../../api/fault-text.js'
import type { Completeness } from '../../api/types.js'
import { formatBytes, formatCount } from '../../format/bytes.js'
import { formatDateTime } from '../../format/time.js'
import { zoneName } from '../../format/zone.js'
import { sentenceOf, siteText, worstFirst } from '../../parts/completeness-text.js'
import { Dialog } from '../../parts/dialog.js'
import { Fact } from '../../parts/fact.js'
import { Fault } from '../../parts/fault.js'
import { Marked } from '../../parts/marked.js'
import { saveFile } from '../../parts/save-file.js'
import type { QueryParams } from '../../state/url.js'
import { common } from '../../texts/common.js'
import { logs } from '../../texts/logs.js'

export interface EvidenceDialogProps {
  readonly orgId: string
  /** The query of an export. */
  readonly query: QueryParams
  readonly onClose: () => void
}

type Made = { readonly evidence: Evidence } | { readonly fault: string }

export function EvidenceDialog({ orgId, query, onClose }: EvidenceDialogProps) {
  const [bytes, setBytes] = useState(0)
  const [made, setMade] = useState<Made | null>(null)
  useEffect(() => {
    const abort = new AbortController()
    makeEvidence(orgId, query, abort.signal, setBytes).then(
      (evidence) => setMade({ evidence }),
      (error: unknown) => {
        if (!abort.signal.aborted) setMade({ fault: faultText(error) })
      },
    )
    return () => abort.abort()
    // Once, for the selection at the time of the click.
  }, [])
  return (
    <Dialog title={logs().evidence} onClose={onClose}>
      {made === null && <p role="status">{logs().exporting(formatBytes(bytes))}</p>}
      {made !== null && 'fault' in made && <Fault text={made.fault} />}
      {made !== null && 'evidence' in made && <Facts evidence={made.evidence} />}
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          {made === null ? common().cancel : common().close}
        </button>
        {made !== null && 'evidence' in made && <Files evidence={made.evidence} />}
      </div>
    </Dialog>
  )
}

function Files({ evidence: { name, file, manifest } }: { evidence: Evidence }) {
  const text = `${JSON.stringify(manifest, null, 2)}\n`
  return (
    <>
      <button
        type="button"
        class="button"
        onClick={() => saveFile(`${name}.manifest.json`, 'application/json', text)}
      >
        {logs().saveManifest}
      </button>
      <button type="button" class="button primary" onClick={() => saveFile(name, file.type, file)}>
        {logs().saveFile}
      </button>
    </>
  )
}

function Facts({ evidence: { name, manifest, completeness } }: { evidence: Evidence }) {
  const { range, rows, bytes, sha256, filters, askedBy, askedAt } = manifest
  const holes = worstFirst(completeness.sites)
  const when = (iso: string) => formatDateTime(Date.parse(iso))
  return (
    <>
      <p>
        <strong>{sentenceOf(completeness)}</strong>
      </p>
      {holes.length > 0 && (
        <ul class="problems">
          {holes.map((site) => (
            <li class="note warn" key={site.siteId}>
              {siteText(site)}
            </li>
          ))}
        </ul>
      )}
      <dl class="evidence">
        <Fact name={logs().sessions}>{formatCount(rows ?? 0)}</Fact>
        <Fact name={logs().time}>
          {range && logs().fromTo(when(range.from), when(range.to), zoneName())}
        </Fact>
        <Fact name={logs().filters}>
          {filters.length === 0 ? logs().noFilters : filters.join(' ')}
        </Fact>
        <Fact name={logs().reconciled}>{reconciledText(completeness)}</Fact>
        <Fact name={logs().file}>
          {name}, {formatBytes(bytes)}
        </Fact>
        <Fact name="SHA-256">
          <code>{sha256}</code>
        </Fact>
        <Fact name={logs().asked}>
          {logs().askedBy(when(askedAt), askedBy.name, askedBy.keyId)}
        </Fact>
      </dl>
      <p class="hint">
        <Marked text={logs().keepBoth(name)} />
      </p>
    </>
  )
}

/** The sums of all meters' newest runs. */
function reconciledText({ sites }: Completeness): string {
  const all = sites.flatMap(({ meters }) => meters.flatMap(({ reconciled }) => reconciled ?? []))
  if (all.length === 0) return logs().notReconciled
  const sum = (of: 'packets' | 'ofPackets') => all.reduce((n, one) => n + one[of], 0)
  return logs().reconciledOf(sum('packets'), sum('ofPackets'))
}
