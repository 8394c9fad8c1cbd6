/** Each site with its meters, their completeness and their problems in words, worst first. */

import { fetchSites } from '../../api/admin.js'
import { completeness } from '../../api/completeness.js'
import type { Completeness, Meter, Site } from '../../api/types.js'
import { useQuery, useRefresh } from '../../api/use-query.js'
import { formatBytes, formatCount } from '../../format/bytes.js'
import { formatAgo, formatDateTime } from '../../format/time.js'
import { sentenceOf, toneOf } from '../../parts/completeness-text.js'
import { Fact } from '../../parts/fact.js'
import { problemText } from '../../parts/notice-text.js'
import { RangePicker } from '../../parts/range-picker.js'
import { Failure, Message, Progress } from '../../parts/states.js'
import { useNow } from '../../parts/use-now.js'
import { SERVER_URL } from '../../state/base.js'
import { entityHref } from '../../state/entity.js'
import { useStore } from '../../state/store.js'
import { followLink } from '../../state/url.js'
import { common } from '../../texts/common.js'
import { forms } from '../../texts/language.js'
import { sites } from '../../texts/sites.js'
import { Coverage } from './coverage.js'
import { Sparkline } from './sparkline.js'

const REFRESH_MS = 5000

export function SitesPage({ orgId }: { orgId: string }) {
  const query = useRefresh(
    useQuery(`sites ${orgId}`, (signal) => fetchSites(orgId, signal)),
    REFRESH_MS,
  )
  const { data } = query
  const answer = useStore(completeness)
  return (
    <div class="page">
      <div class="page-head">
        <h1>{sites().title}</h1>
        <RangePicker />
        <span class="muted hint">{sites().hint}</span>
      </div>
      {answer !== undefined && <p class={`note verdict ${toneOf(answer)}`}>{sentenceOf(answer)}</p>}
      <Progress query={query} />
      {data === undefined ? (
        <Failure query={query} what="sites" />
      ) : data.sites.length === 0 ? (
        <NoSites orgId={orgId} />
      ) : (
        worstSiteFirst(data.sites, answer).map((site) => (
          <SiteCard key={site.siteId} site={site} answer={answer} />
        ))
      )}
    </div>
  )
}

const BY_STATUS: readonly Site['status'][] = [
  'silent',
  'warning',
  'neverReported',
  'ok',
  'finished',
]

function worstSiteFirst(all: readonly Site[], answer: Completeness | undefined): readonly Site[] {
  const shares = new Map(answer?.sites.map((site) => [site.siteId, site.coveredShare]))
  const share = ({ siteId }: Site) => shares.get(siteId) ?? 1
  return [...all].sort(
    (a, b) =>
      BY_STATUS.indexOf(a.status) - BY_STATUS.indexOf(b.status) ||
      share(a) - share(b) ||
      a.siteId - b.siteId,
  )
}

function NoSites({ orgId }: { orgId: string }) {
  return (
    <Message title={sites().none}>
      <p>{sites().noneHelp}</p>
      <MeterCommand />
      <p class="muted">{sites().organisation(orgId)}</p>
    </Message>
  )
}

function MeterCommand() {
  const command = `tunmeter meter --interface wg0 --to ${SERVER_URL} --key-file FILE`
  return <pre class="command">{command}</pre>
}

const STATUS_TONES = {
  ok: 'ok',
  warning: 'warn',
  silent: 'wrong',
  finished: 'ok',
  neverReported: 'warn',
} as const

function Status({ status }: { status: keyof typeof STATUS_TONES }) {
  return <span class={`badge ${STATUS_TONES[status]}`}>{sites().statuses[status]}</span>
}

function SiteCard({ site, answer }: { site: Site; answer: Completeness | undefined }) {
  const covered = answer?.sites.find(({ siteId }) => siteId === site.siteId)
  return (
    <section class="card" aria-label={site.siteName ?? common().unnamed.site(site.siteId)}>
      <div class="card-head">
        <h2>
          <a href={entityHref({ kind: 'site', id: String(site.siteId) })} onClick={followLink}>
            {site.siteName ?? common().unnamed.site(site.siteId)}
          </a>
        </h2>
        <Status status={site.status} />
        <span class="space" />
        <span class="muted hint">{sites().siteNumber(site.siteId)}</span>
      </div>
      {answer !== undefined && covered !== undefined && <Coverage site={covered} of={answer} />}
      {site.meters.length === 0 ? (
        <div class="card-body">
          <p class="muted">{sites().noMeterYet}</p>
          <MeterCommand />
        </div>
      ) : (
        site.meters.map((meter) => (
          <MeterPart key={meter.meterId} meter={meter} several={site.meters.length > 1} />
        ))
      )}
    </section>
  )
}

function MeterPart({ meter, several }: { meter: Meter; several: boolean }) {
  return (
    <div class="card-body meter">
      {several && (
        <h3>
          {sites().meterOn(meter.interface)} <Status status={meter.status} />
        </h3>
      )}
      {meter.problems.length > 0 && (
        <ul class="problems">
          {meter.problems.map((problem) => (
            <li
              key={problem.message}
              class={meter.status === 'silent' ? 'note wrong' : 'note warn'}
            >
              {problemText(problem)}
            </li>
          ))}
        </ul>
      )}
      <MeterFacts meter={meter} />
      <div class="sparks">
        <Sparkline
          label={sites().openSessions}
          points={meter.history.map(({ at, openSessions }) => ({ at, value: openSessions }))}
          format={formatCount}
        />
        <Sparkline
          label={sites().spoolWaiting}
          points={meter.history.map(({ at, spoolBatches }) => ({ at, value: spoolBatches }))}
          format={formatCount}
        />
        <Sparkline
          label={sites().lag}
          points={meter.history.map(({ at, lagSeconds }) => ({ at, value: lagSeconds }))}
          format={(seconds) => `${forms().decimal(seconds, 1)} s`}
        />
      </div>
    </div>
  )
}

function MeterFacts({ meter }: { meter: Meter }) {
  const now = useNow()
  const receivedMs = Date.parse(meter.receivedAt)
  const { spool } = meter
  return (
    <dl class="facts">
      <Fact name={sites().lastReport} title={formatDateTime(receivedMs)}>
        {formatAgo(receivedMs, now)}
      </Fact>
      <Fact name={sites().interface}>{meter.interface}</Fact>
      <Fact name={sites().openSessions}>{formatCount(meter.openSessions)}</Fact>
      <Fact name={sites().seen}>{sites().seenAmount(meter.packets, formatBytes(meter.bytes))}</Fact>
      <Fact name={sites().packetsDropped} wrong={meter.packetsDropped > 0}>
        {formatCount(meter.packetsDropped)}
      </Fact>
      <Fact name={sites().sessionsLost} wrong={meter.sessionsDropped > 0}>
        {formatCount(meter.sessionsDropped)}
      </Fact>
      <Fact name={sites().spool}>
        {spool.batches === 0
          ? sites().spoolEmpty
          : sites().spoolHolds(spool.batches, formatBytes(spool.bytes))}
      </Fact>
      <Fact name={sites().quarantine} wrong={spool.quarantined > 0}>
        {formatCount(spool.quarantined)}
      </Fact>
      <Fact name={sites().runningSince} title={meter.startedAt}>
        {formatDateTime(Date.parse(meter.startedAt))}
      </Fact>
      <Fact name={sites().version}>{meter.version}</Fact>
      <Fact name={sites().meter}>
        <code>{meter.meterId}</code>
      </Fact>
      <Fact name={sites().lastBatch}>{formatCount(meter.lastBatch)}</Fact>
    </dl>
  )
}
