/** The page of a client, user, resource or site: totals, counterparts, failures and completeness in the time range. */

import type { ComponentChildren } from 'preact'
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks'
import { OUTCOME_STATES } from '../../../session/outcome-groups.js'
import { completeness } from '../../api/completeness.js'
import type { Summary, SummaryGroupRow } from '../../api/types.js'
import { formatBytes, formatCount } from '../../format/bytes.js'
import { changeOf } from '../../format/change.js'
import { formatDateTime } from '../../format/time.js'
import { sentenceOf } from '../../parts/completeness-text.js'
import { Figure } from '../../parts/figure.js'
import { useNames } from '../../parts/filters/names.js'
import { Bytes } from '../../parts/quantity.js'
import { RangePicker } from '../../parts/range-picker.js'
import { RefreshButton } from '../../parts/refresh-button.js'
import { ShareBar, ShareKey } from '../../parts/share-bar.js'
import { Failure, Progress } from '../../parts/states.js'
import {
  ENTITY_FILTERS,
  type Entity,
  type EntityKind,
  entityHref,
  entityOf,
} from '../../state/entity.js'
import { type Filters, onlyFilters } from '../../state/filters.js'
import { pageHref } from '../../state/page-href.js'
import { rangeLabel, rangeOf, spanOf } from '../../state/range.js'
import { useStore } from '../../state/store.js'
import { currentLocation, followLink, hrefOf, patched, useLocation } from '../../state/url.js'
import { common } from '../../texts/common.js'
import { entity as texts } from '../../texts/entity.js'
import { ConnectedCard } from './connected-card.js'
import { HoursCard } from './hours-card.js'
import { KeptNote } from './kept-note.js'
import { COUNTERPARTS, type EntityAnswer, useEntity } from './use-entity.js'

export function EntityPage({ orgId }: { orgId: string }) {
  const { path, params } = useLocation()
  const entity = entityOf(path)
  // Null for a moment on leaving: the address is already that of the next page.
  return entity && <Known orgId={orgId} entity={entity} params={params} />
}

interface KnownProps {
  readonly orgId: string
  readonly entity: Entity
  readonly params: URLSearchParams
}

function Known({ orgId, entity, params }: KnownProps) {
  const { kind, id } = entity
  const [refreshedMs, setRefreshedMs] = useState(() => Date.now())
  const range = rangeOf(params)
  const span = useMemo(
    () => spanOf(range, refreshedMs),
    [JSON.stringify(range), refreshedMs, kind, id],
  )
  const query = useEntity(orgId, entity, span, refreshedMs)
  const filter = ENTITY_FILTERS[kind]
  const name = useNames(orgId, { [filter]: [id] }, undefined).nameOf(filter, id)
  useEffect(() => {
    document.title = `${name} · tunmeter`
  }, [name])
  const { data } = query
  return (
    <div class="page entity">
      <div class="page-head">
        <h1>
          <span class="muted">{common().kinds[kind]}</span> {name}
        </h1>
        <span class="space" />
        <RangePicker />
        <RefreshButton
          title={common().refresh}
          onClick={useCallback(() => setRefreshedMs(Date.now()), [])}
        />
        <a class="button" href={logHref({ [filter]: [id] })} onClick={followLink}>
          {texts().itsSessions}
        </a>
      </div>
      <Progress query={query} />
      {data === undefined || query.error !== null ? (
        <Failure query={query} what="figures" />
      ) : (
        <>
          <p class="lead">
            {sentence(name, kind, data, rangeLabel(range))} <Complete kind={kind} id={id} />
          </p>
          <KeptNote orgId={orgId} entity={entity} />
          <Figures data={data} filters={{ [filter]: [id] }} />
          {kind !== 'resource' && (
            <ConnectedCard orgId={orgId} entity={entity} span={span} refreshedMs={refreshedMs} />
          )}
          <HoursCard orgId={orgId} entity={entity} span={span} refreshedMs={refreshedMs} />
          <div class="thirds">
            {COUNTERPARTS[kind].map((group, at) => (
              <Counterparts key={group} kind={group} summary={data.counterparts[at]!} />
            ))}
            <Failures kind={COUNTERPARTS[kind][0]} summary={data.failures} />
          </div>
        </>
      )}
    </div>
  )
}

function logHref(filters: Filters): string {
  const { params } = currentLocation()
  return hrefOf('/', patched(params, { ...onlyFilters(filters), sort: null }))
}

function sentence(name: string, kind: EntityKind, data: EntityAnswer, time: string): string {
  const { totals, failures, counterparts } = data
  if (totals.sessions === 0) return texts().noSessions(name, time)
  const { groups } = counterparts[0]!
  const named = COUNTERPARTS[kind][0]
  const others = groups.some(({ other }) => other)
    ? texts().moreCounterparts[named](groups.length - 1)
    : texts().counterparts[named](groups.length)
  const [sent, received] = [formatBytes(totals.bytesTx), formatBytes(totals.bytesRx)]
  const summary = texts().summary(name, totals.sessions, others, time)
  return `${summary} ${texts().amounts(sent, received, failures.totals.sessions)}`
}

/** Completeness in the time range, in a sentence: a site's own, or that of all sites. */
function Complete({ kind, id }: { kind: EntityKind; id: string }) {
  const answer = useStore(completeness)
  if (answer === undefined) return null
  const sites = answer.sites.filter(({ siteId }) => kind !== 'site' || String(siteId) === id)
  return (
    <a href={pageHref('/sites')} onClick={followLink}>
      {sentenceOf({ ...answer, sites })}
    </a>
  )
}

function Figures({ data, filters }: { data: EntityAnswer; filters: Filters }) {
  const { totals, before, failures, failuresBefore, open, first, latest } = data
  const failed = failures.totals.sessions
  const labels = texts().figures
  return (
    <ul class="figures-row">
      <Figure label={labels.sessions} change={changeOf(totals.sessions, before.sessions)}>
        {formatCount(totals.sessions)}
      </Figure>
      <Figure label={labels.sent} change={changeOf(totals.bytesTx, before.bytesTx)}>
        <Bytes bytes={totals.bytesTx} />
      </Figure>
      <Figure label={labels.received} change={changeOf(totals.bytesRx, before.bytesRx)}>
        <Bytes bytes={totals.bytesRx} />
      </Figure>
      <Figure
        label={labels.failed}
        tone={failed > 0 ? 'wrong' : ''}
        change={changeOf(failed, failuresBefore)}
        href={logHref({ ...filters, connState: OUTCOME_STATES.failed })}
      >
        {formatCount(failed)}
      </Figure>
      <Figure
        label={labels.open}
        tone={open > 0 ? 'open' : ''}
        href={logHref({ ...filters, state: ['open'] })}
      >
        {formatCount(open)}
      </Figure>
      <Figure label={labels.seen} small>
        {first === null || latest === null ? (
          common().never
        ) : (
          <>
            {formatDateTime(Date.parse(first.startTime))}
            <br />
            {formatDateTime(Date.parse(latest.startTime))}
          </>
        )}
      </Figure>
    </ul>
  )
}

function Counterparts({ kind, summary }: { kind: EntityKind; summary: Summary }) {
  const weight = (row: SummaryGroupRow) => row.bytesTx + row.bytesRx
  const { groups } = summary
  const largest = Math.max(1, ...groups.map(weight))
  return (
    <Card title={common().kindsMany[kind]} extra={<ShareKey />} empty={groups.length === 0}>
      {groups.map((row) => (
        <Line key={row.other ? 'other' : row.id} kind={kind} row={row}>
          <Bytes bytes={weight(row)} />
          <ShareBar sent={row.bytesTx} received={row.bytesRx} largest={largest} />
        </Line>
      ))}
    </Card>
  )
}

function Failures({ kind, summary }: { kind: EntityKind; summary: Summary }) {
  return (
    <Card title={texts().failedBy[kind]} empty={summary.groups.length === 0}>
      {summary.groups.map((row) => (
        <Line key={row.other ? 'other' : row.id} kind={kind} row={row}>
          <span class="wrong">{common().sessions(row.sessions)}</span>
        </Line>
      ))}
    </Card>
  )
}

interface CardProps {
  readonly title: string
  readonly extra?: ComponentChildren
  readonly empty: boolean
  readonly children: ComponentChildren
}

function Card({ title, extra, empty, children }: CardProps) {
  return (
    <section class="card" aria-label={title}>
      <div class="card-head">
        <h2>{title}</h2>
        <span class="space" />
        {extra}
      </div>
      <ul class="card-body entity-lines">
        {children}
        {empty && <li class="muted">{texts().noneInTime}</li>}
      </ul>
    </section>
  )
}

interface LineProps {
  readonly kind: EntityKind
  readonly row: SummaryGroupRow
  readonly children: ComponentChildren
}

function Line({ kind, row, children }: LineProps) {
  const { id, name, other } = row
  const label = other
    ? common().allOthers
    : (name ?? (id === null ? texts().unnamed : common().unnamed[kind](id)))
  return (
    <li>
      {id === null || other ? (
        <span class="grow">{label}</span>
      ) : (
        <a class="grow" href={entityHref({ kind, id })} onClick={followLink}>
          {label}
        </a>
      )}
      {children}
    </li>
  )
}
