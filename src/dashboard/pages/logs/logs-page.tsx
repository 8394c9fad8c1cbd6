/** The connection log, which is the home page: one row a session, with bars and breakdown of the whole selection. */

import { useCallback, useRef, useState } from 'preact/hooks'
import { faultText } from '../../api/fault-text.js'
import { NOTHING_KNOWN } from '../../api/known-rows.js'
import { fetchNews, fetchSession } from '../../api/logs.js'
import type { LogAnswer, LogRow } from '../../api/types.js'
import { cancelTogether, useQuery } from '../../api/use-query.js'
import { zoneName } from '../../format/zone.js'
import { useNames } from '../../parts/filters/names.js'
import { QueryBar } from '../../parts/filters/query-bar.js'
import { PlayIcon, RailIcon } from '../../parts/icons.js'
import { lazyPage } from '../../parts/lazy.js'
import { RangePicker } from '../../parts/range-picker.js'
import { RefreshButton } from '../../parts/refresh-button.js'
import { Failure, Progress } from '../../parts/states.js'
import { toast } from '../../parts/toasts.js'
import { NARROW, useMedia } from '../../parts/use-media.js'
import {
  BATCH_ROWS,
  FIRST_ROW,
  liveOf,
  livePatch,
  NEWEST_FIRST,
  type SortName,
  sortOf,
  sortText,
} from '../../state/filters.js'
import { rangeLabel, rangeOf } from '../../state/range.js'
import { closePart, currentLocation, openPart, setParams } from '../../state/url.js'
import { common } from '../../texts/common.js'
import { logs } from '../../texts/logs.js'
import { session } from '../../texts/session.js'
import { EmptyLog } from './empty-log.js'
import { ExportMenu } from './export-menu.js'
import { FacetRail } from './facet-rail.js'
import { Histogram } from './histogram.js'
import { useLogKeys } from './keys.js'
import { type Live, useLive } from './live.js'
import { LogCards } from './log-cards.js'
import { LogTable } from './log-table.js'
import { Losses } from './losses.js'
import { Position } from './position.js'
import { useView } from './use-view.js'
import type { Endless } from './use-window.js'
import { ShareButton, ViewsMenu } from './views-menu.js'

const SessionDrawer = lazyPage(async () => (await import('./session-drawer.js')).SessionDrawer)

/** In narrower windows, a button opens the breakdown. rail.css has the same bound. */
const RAIL_HAS_ROOM = '(min-width: 1200px)'

export function LogsPage({ orgId }: { orgId: string }) {
  const wide = useMedia(RAIL_HAS_ROOM)
  const [unfolded, setUnfolded] = useState(false)
  const view = useView(orgId, wide || unfolded)
  const { params, live, sort, attributes } = view
  const names = useNames(orgId, view.filters, attributes.values)
  const scroller = useRef<HTMLElement>(null)
  const query = cancelTogether(view.rows.query, [view.totals, view.bars, view.rail])
  const cancel = () => {
    query.cancel()
    if (view.restore()) toast(logs().earlierRows)
  }
  const selectedId = params.get('session')
  const rows = useLive({
    enabled: live,
    selection: view.ordered,
    loaded: view.rows.rows,
    poll: usePoll(orgId, view),
    isReading: () => selectedId !== null || isReading(scroller.current),
  })
  const open = useCallback((id: string) => openPart('session', id), [])
  const close = useCallback(() => closeDrawer(), [])
  useLogKeys({
    onOpen: open,
    onClose: close,
    onRefresh: view.refresh,
    onLive: toggleLive,
  })
  return (
    <div class="logs">
      <h1 class="visually-hidden">{logs().title}</h1>
      <p class="print-only">{logs().printed(rangeLabel(rangeOf(params)), zoneName())}</p>
      <div class="toolbar">
        <RangePicker />
        <QueryBar attributes={attributes} names={names} />
        <div class="toolbar-end">
          {!wide && (
            <button
              type="button"
              class={unfolded ? 'button active' : 'button'}
              aria-expanded={unfolded}
              title={logs().breakdownTitle}
              onClick={() => setUnfolded((was) => !was)}
            >
              <RailIcon /> {logs().breakdown}
            </button>
          )}
          <button
            type="button"
            class={live ? 'button active' : 'button'}
            aria-pressed={live}
            title={logs().liveTitle}
            onClick={toggleLive}
          >
            <PlayIcon /> {logs().live}
          </button>
          <RefreshButton title={logs().refreshTitle} onClick={view.refresh} />
          <ViewsMenu orgId={orgId} />
          <ShareButton orgId={orgId} nowMs={live ? undefined : view.nowMs} />
          <ExportMenu
            orgId={orgId}
            query={view.query(live ? Date.now() : undefined)}
            total={view.told?.sessions}
          />
        </div>
      </div>
      <Progress query={{ ...query, cancel }} />
      <Histogram
        data={view.bars.data}
        stale={view.bars.loading && view.bars.data !== undefined && !live}
        earlier={view.earlier}
        measure={params.get('bars') === 'bytes' ? 'bytes' : 'sessions'}
        span={view.span}
        siteIds={view.filters.siteId}
        totals={view.told}
      />
      <Losses siteIds={view.filters.siteId} />
      <div class="logs-body">
        {(wide || unfolded) && (
          <FacetRail
            rail={view.rail.data}
            bars={view.bars.data}
            stale={view.rail.loading && !live}
          />
        )}
        <section
          class="scroller"
          ref={scroller}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable by keyboard.
          tabIndex={0}
          aria-label={logs().scrollable}
        >
          <HeldRows live={rows} scroller={scroller.current} />
          {query.data === undefined ? (
            <FirstLoad query={query} />
          ) : query.error !== null && !query.error.temporary ? (
            <Failure query={query} what="logs" />
          ) : rows.rows.length === 0 ? (
            <EmptyLog notice={query.data.notice} params={params} row={view.row} />
          ) : (
            <Rows
              rows={rows}
              sort={sort}
              selected={selectedId}
              stale={query.loading}
              endless={{ ...view.rows, row: view.row, fixed: live }}
              total={view.told?.sessions}
              onOpen={open}
            />
          )}
          <ListEnd view={view} />
        </section>
        {selectedId !== null && (
          <Drawer orgId={orgId} sessionId={selectedId} rows={rows.rows} onClose={close} />
        )}
      </div>
      {query.data !== undefined && (
        <Position
          shown={rows.rows.length}
          totals={view.told}
          counting={view.totals}
          row={view.row}
          live={live}
        />
      )}
    </div>
  )
}

/** The newest rows of the selection; those that the last poll brought are not sent again. */
function usePoll(orgId: string, { ordered, query }: ReturnType<typeof useView>) {
  const last = useRef({ of: '', known: NOTHING_KNOWN })
  return async (signal: AbortSignal) => {
    const of = ordered
    const known = last.current.of === of ? last.current.known : NOTHING_KNOWN
    const asked = { ...query(Date.now()), limit: BATCH_ROWS, attributes: false, count: false }
    const news = await fetchNews(orgId, asked, known, signal)
    last.current = { of, known: news }
    return news.rows
  }
}

/** This and changeSort read the address, not the last render, which a second key press can precede. */
function toggleLive(): void {
  const { params } = currentLocation()
  setParams(liveOf(params) ? { live: null } : livePatch(params))
}

function closeDrawer(): void {
  const id = new URLSearchParams(window.location.search).get('session') ?? ''
  closePart('session')
  document
    .querySelector<HTMLElement>(`[data-session="${CSS.escape(id)}"] .row-button`)
    ?.focus({ preventScroll: true })
}

function changeSort(by: SortName): void {
  const sort = sortOf(currentLocation().params)
  const descending = sort.by === by ? !sort.descending : true
  const text = sortText({ by, descending })
  setParams({ sort: text === sortText(NEWEST_FIRST) ? null : text, ...FIRST_ROW, live: null })
}

function isReading(scroller: HTMLElement | null): boolean {
  if (scroller === null) return false
  const hovered = scroller.matches(':has([data-session]:hover)')
  const focused = scroller.matches(':has([data-session] :focus)')
  return hovered || focused || scroller.scrollTop > 4 || window.scrollY > 4
}

function HeldRows({ live, scroller }: { live: Live; scroller: HTMLElement | null }) {
  return (
    <div class="held" role="status">
      {live.held > 0 && (
        <button
          type="button"
          class="button primary"
          onClick={() => {
            live.release()
            scroller?.scrollTo({ top: 0 })
          }}
        >
          {logs().newSessions(live.held)}
        </button>
      )}
    </div>
  )
}

/** Below the rows: what stops them from going on. */
function ListEnd({ view: { live, rows } }: { view: ReturnType<typeof useView> }) {
  const older = { live: null, row: String(BATCH_ROWS + 1) }
  const more = live && rows.query.data?.pagination.nextCursor != null
  return (
    <div class="list-end" role="status">
      {rows.failed !== null && (
        <>
          {logs().moreFailed}{' '}
          <button type="button" class="button" onClick={() => rows.more(rows.failed!)}>
            {common().tryAgain}
          </button>
        </>
      )}
      {more && (
        <button type="button" class="button" onClick={() => setParams(older)}>
          {logs().older}
        </button>
      )}
    </div>
  )
}

interface RowsProps {
  readonly rows: Live
  readonly sort: { readonly by: SortName; readonly descending: boolean }
  readonly selected: string | null
  readonly stale: boolean
  readonly endless: Endless
  readonly total: number | undefined
  readonly onOpen: (sessionId: string) => void
}

function Rows({ rows, sort, ...others }: RowsProps) {
  const narrow = useMedia(NARROW)
  const shared = { ...others, rows: rows.rows, fresh: rows.fresh }
  if (narrow) return <LogCards {...shared} />
  return <LogTable {...shared} sort={sort} onSort={changeSort} />
}

function FirstLoad({ query }: { query: ReturnType<typeof useQuery<LogAnswer>> }) {
  if (!query.loading) return <Failure query={query} what="logs" />
  return (
    <div class="skeleton-rows" aria-hidden="true">
      {Array.from({ length: 12 }, (_, row) => (
        <span class="skeleton" key={row} />
      ))}
    </div>
  )
}

interface DrawerProps {
  readonly orgId: string
  readonly sessionId: string
  readonly rows: readonly LogRow[]
  readonly onClose: () => void
}

/** A link can name a session that is not on this page. Then its id loads it. */
function Drawer({ orgId, sessionId, rows, onClose }: DrawerProps) {
  const onPage = rows.find((row) => row.sessionId === sessionId)
  const fetched = useQuery(onPage === undefined ? `session ${sessionId}` : null, (signal) =>
    fetchSession(orgId, sessionId, signal),
  )
  const row = onPage ?? (fetched.data?.sessionId === sessionId ? fetched.data : undefined)
  if (row !== undefined) return <SessionDrawer orgId={orgId} row={row} onClose={onClose} />
  return (
    <aside class="drawer" aria-label={session().title}>
      <div class="drawer-head">
        <h2>{fetched.loading ? session().loading : session().noSuch}</h2>
        <button type="button" class="button" onClick={onClose}>
          {common().close}
        </button>
      </div>
      {!fetched.loading && (
        <div class="drawer-body">
          <p class="drawer-lead">
            {fetched.error === null ? session().noSuchWhy : faultText(fetched.error)}
          </p>
        </div>
      )}
    </aside>
  )
}
