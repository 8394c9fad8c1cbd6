/**
 * The breakdown beside the rows: the largest clients, resources, ports and sites, and the outcomes. A click filters by
 * a value, the minus excludes it.
 */

import type { ComponentChildren } from 'preact'
import { serviceOf } from '../../../session/services.js'
import { completeness } from '../../api/completeness.js'
import type { Histogram, SummaryGroupRow } from '../../api/types.js'
import { formatCount } from '../../format/bytes.js'
import { type Choice, choiceOf, isOnly, toggleNot, toggleOnly } from '../../parts/filters/change.js'
import { MinusIcon, OnwardIcon } from '../../parts/icons.js'
import { Bytes } from '../../parts/quantity.js'
import { type Entity, entityHref } from '../../state/entity.js'
import { type FilterName, type Filters, filtersOf } from '../../state/filters.js'
import { useStore } from '../../state/store.js'
import { followLink, useLocation } from '../../state/url.js'
import { common } from '../../texts/common.js'
import { logs } from '../../texts/logs.js'
import { session } from '../../texts/session.js'
import { OUTCOMES, totalOf } from './bars.js'
import { RAIL_GROUPS, type Rail, type RailGroup } from './use-rail.js'

function titleOf(group: RailGroup): string {
  return group === 'port' ? logs().ports : common().kindsMany[group]
}

const PARAMETERS: Readonly<Record<RailGroup, FilterName>> = {
  client: 'clientId',
  resource: 'siteResourceId',
  port: 'port',
  site: 'siteId',
}

export interface FacetRailProps {
  readonly rail: Rail | undefined
  readonly bars: Histogram | undefined
  readonly stale: boolean
}

export function FacetRail({ rail, bars, stale }: FacetRailProps) {
  const filters = filtersOf(useLocation().params)
  const [clients, ...others] = RAIL_GROUPS
  const group = (name: RailGroup) =>
    rail && <Group key={name} name={name} rows={rail[name]} filters={filters} />
  return (
    <nav class={stale ? 'rail stale' : 'rail'} aria-label={logs().breakdown} aria-busy={stale}>
      {group(clients)}
      {bars && <Outcomes bars={bars} filters={filters} />}
      {others.map(group)}
    </nav>
  )
}

function Group({
  name,
  rows,
  filters,
}: {
  name: RailGroup
  rows: readonly SummaryGroupRow[]
  filters: Filters
}) {
  const incomplete = useIncomplete()
  const weight = (row: SummaryGroupRow) => row.bytesTx + row.bytesRx
  // "All others" has no bar, because it would make the other bars short.
  const largest = Math.max(1, ...rows.filter(({ other }) => !other).map(weight))
  return (
    <Section title={titleOf(name)}>
      {rows.map((row) => {
        const { id, other } = row
        const label = other ? common().allOthers : labelOf(name, row)
        const content = (
          <Line
            label={label}
            amount={<Bytes bytes={weight(row)} />}
            note={
              name === 'site' && id !== null && incomplete.has(id) ? logs().incomplete : undefined
            }
            share={other ? 0 : weight(row) / largest}
            title={logs().row(label, row.sessions)}
          />
        )
        if (other)
          return (
            <li class="rail-row" key="others">
              <span class="rail-only">{content}</span>
            </li>
          )
        const choice = choiceOf(name, PARAMETERS[name], {
          id,
          name: name === 'port' ? null : row.name,
        })
        return (
          <Row
            key={id}
            choice={choice}
            label={label}
            filters={filters}
            page={name !== 'port' && id !== null ? { kind: name, id } : undefined}
          >
            {content}
          </Row>
        )
      })}
    </Section>
  )
}

function labelOf(group: RailGroup, { id, name }: SummaryGroupRow): string {
  if (id === null) return common().without[group]
  if (group === 'port') return [id, serviceOf(Number(id))].filter(Boolean).join(' ')
  return name ?? logs().unnamed[group](id)
}

function Outcomes({ bars, filters }: { bars: Histogram; filters: Filters }) {
  const shown = [...OUTCOMES]
    .reverse()
    .map((outcome) => ({
      outcome,
      sessions: totalOf(bars, outcome, 'sessions'),
      bytes: totalOf(bars, outcome, 'bytes'),
    }))
    .filter(({ sessions }) => sessions > 0)
  const most = Math.max(1, ...shown.map(({ sessions }) => sessions))
  return (
    <Section title={logs().outcomes}>
      {shown.map(({ outcome, sessions, bytes }) => (
        <Row
          key={outcome}
          choice={{ key: 'outcome', value: outcome }}
          label={session().groups[outcome]}
          filters={filters}
        >
          <Line
            label={session().groups[outcome]}
            note={formatCount(sessions)}
            amount={<Bytes bytes={bytes} />}
            share={sessions / most}
            look={`bar-${outcome}`}
            title={logs().row(session().groups[outcome], sessions)}
          />
        </Row>
      ))}
    </Section>
  )
}

function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <ul>{children}</ul>
    </section>
  )
}

interface RowProps {
  readonly choice: Choice
  readonly label: string
  readonly filters: Filters
  readonly page?: Entity | undefined
  readonly children: ComponentChildren
}

function Row({ choice, label, filters, page, children }: RowProps) {
  return (
    <li class="rail-row">
      <button
        type="button"
        class="rail-only"
        aria-pressed={isOnly(choice, filters)}
        onClick={() => toggleOnly(choice)}
      >
        {children}
      </button>
      <span class="rail-more">
        <button
          type="button"
          aria-label={session().not(label)}
          title={logs().exclude(label)}
          onClick={() => toggleNot(choice)}
        >
          <MinusIcon />
        </button>
        {page && (
          <a
            href={entityHref(page)}
            aria-label={session().pageOf(label)}
            title={session().pageOf(label)}
            onClick={followLink}
          >
            <OnwardIcon />
          </a>
        )}
      </span>
    </li>
  )
}

interface LineProps {
  readonly label: string
  readonly note?: string | undefined
  readonly amount: ComponentChildren
  readonly share: number
  readonly look?: string
  readonly title: string
}

/** An SVG, because its width comes from data (see ShareBar). */
function Line({ label, note, amount, share, look = 'share-sent', title }: LineProps) {
  return (
    <>
      <span class="rail-line" title={title}>
        <span class="rail-name">{label}</span>
        {note !== undefined && <span class="rail-note figures">{note}</span>}
        <span class="figures">{amount}</span>
      </span>
      <svg class="rail-bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
        <rect class={look} width={share * 100} height="1" />
      </svg>
    </>
  )
}

/** The ids of sites with missing data in the time range. */
function useIncomplete(): ReadonlySet<string> {
  const answer = useStore(completeness)
  const sites = answer?.sites.filter(({ complete }) => !complete) ?? []
  return new Set(sites.map(({ siteId }) => String(siteId)))
}
