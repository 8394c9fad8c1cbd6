/** The frame of every page: pages, completeness, organisation, key, and a banner while the server is unreachable. */

import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { serverReachable } from '../api/client.js'
import { faultText } from '../api/fault-text.js'
import { orgOf, useOrgs } from '../api/orgs.js'
import { session, signOut } from '../api/session.js'
import { formatDateTime } from '../format/time.js'
import { onlyFilters } from '../state/filters.js'
import { pageHref } from '../state/page-href.js'
import { useStore } from '../state/store.js'
import { followLink, hrefOf, setParams, useLocation } from '../state/url.js'
import { common } from '../texts/common.js'
import { CompletenessBadge } from './completeness-badge.js'
import { Hatches } from './hatch.js'
import { ChevronIcon, HelpIcon, KeyIcon, Logo } from './icons.js'
import { isTyping } from './is-typing.js'
import { KeyHelp } from './key-help.js'
import { LanguageSwitch } from './language-switch.js'
import { Popover } from './popover.js'
import { RetentionBanner } from './retention-banner.js'
import { Message } from './states.js'
import { ThemeMenu } from './theme-menu.js'
import { toast } from './toasts.js'
import { NARROW, useMedia } from './use-media.js'

export interface PageLink {
  readonly path: string
  readonly name: keyof ReturnType<typeof common>['pages']
}

export interface ShellProps {
  readonly pages: readonly PageLink[]
  readonly current: PageLink
  readonly children: (orgId: string) => ComponentChildren
}

export function Shell({ pages, current, children }: ShellProps) {
  const reachable = useStore(serverReachable)
  const { params } = useLocation()
  const orgs = useOrgs()
  const orgId = orgOf(orgs, params)
  return (
    <div class="shell">
      <Hatches />
      <a class="button skip" href="#main">
        {common().skip}
      </a>
      <header class="header">
        <a class="brand" href={pageHref('/')} onClick={followLink}>
          <Logo />
          <span class="brand-name">tunmeter</span>
        </a>
        <nav class="nav" aria-label={common().pagesOfDashboard}>
          <Pages pages={pages} current={current} />
        </nav>
        <span class="space" />
        {orgId !== undefined && <CompletenessBadge orgId={orgId} />}
        {orgs !== undefined && orgs.length > 1 && <OrgChoice orgs={orgs} orgId={orgId} />}
        <KeyHelpButton />
        <LanguageSwitch />
        <ThemeMenu />
        <Account orgId={orgId} />
      </header>
      <div role="status">{!reachable && <div class="banner wrong">{common().noAnswer}</div>}</div>
      {orgId !== undefined && <RetentionBanner orgId={orgId} />}
      <main class="main" id="main" tabIndex={-1}>
        {orgId === undefined ? <NoOrg known={orgs} /> : children(orgId)}
      </main>
    </div>
  )
}

/** A row of links; in narrow windows, which would show three of them, a menu. */
function Pages({ pages, current }: Pick<ShellProps, 'pages' | 'current'>) {
  const narrow = useMedia(NARROW)
  const link = (page: PageLink, look: string, then?: () => void) => (
    <a
      key={page.path}
      class={look}
      href={pageHref(page.path)}
      aria-current={page === current ? 'page' : undefined}
      onClick={(event) => {
        followLink(event)
        then?.()
      }}
    >
      {common().pages[page.name]}
    </a>
  )
  if (!narrow) return <>{pages.map((page) => link(page, 'page-link'))}</>
  const label = (
    <>
      {common().pages[current.name]}
      <ChevronIcon />
    </>
  )
  return (
    <Popover buttonClass="button quiet" label={label}>
      {(close) => pages.map((page) => link(page, 'menu-item', close))}
    </Popover>
  )
}

function NoOrg({ known }: { known: readonly string[] | undefined }) {
  if (known === undefined) return null
  return (
    <Message title={common().noOrg}>
      <p>{common().createOrg}</p>
      <pre class="command">tunmeter keys create --scope admin --org my-org --create-org</pre>
    </Message>
  )
}

function OrgChoice({ orgs, orgId }: { orgs: readonly string[]; orgId: string | undefined }) {
  return (
    <Popover
      align="end"
      buttonClass="button quiet"
      name={common().organisationIs(orgId)}
      label={
        <>
          {orgId ?? common().organisation}
          <ChevronIcon />
        </>
      }
    >
      {(close) =>
        orgs.map((org) => (
          <button
            type="button"
            key={org}
            class="menu-item"
            aria-pressed={org === orgId}
            onClick={() => {
              // Drops the filters, because each organisation has its own ids: client 7 is another client there.
              setParams({ ...onlyFilters({}), org })
              close()
            }}
          >
            {org}
          </button>
        ))
      }
    </Popover>
  )
}

function Account({ orgId }: { orgId: string | undefined }) {
  const info = useStore(session)
  if (!info) return null
  const { expiresAt } = info
  return (
    <Popover
      align="end"
      buttonClass="button quiet"
      name={common().signedInWith(info.name ?? info.scope)}
      label={
        <>
          <KeyIcon />
          <span class="account-name">{info.name ?? info.scope}</span>
        </>
      }
    >
      {() => (
        <>
          <p class="menu-title">
            {common().keyFor(info.scope, orgId)}
            <br />
            {expiresAt === null
              ? common().doesNotExpire
              : common().expires(formatDateTime(Date.parse(expiresAt)))}
          </p>
          <a class="menu-item" href={hrefOf('/docs')} target="_blank" rel="noreferrer">
            {common().apiReference}
          </a>
          <div class="menu-line" />
          <button type="button" class="menu-item" onClick={leave}>
            {common().signOut}
          </button>
        </>
      )}
    </Popover>
  )
}

function leave(): void {
  signOut().catch((error: unknown) => {
    toast(common().stillSignedIn(faultText(error)))
  })
}

function KeyHelpButton() {
  const [open, setOpen] = useState(false)
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key === '?' && !isTyping(event.target)) setOpen(true)
    }
    document.addEventListener('keydown', onKeyDown)
    return () => document.removeEventListener('keydown', onKeyDown)
  }, [])
  return (
    <>
      <button
        type="button"
        class="button quiet icon key-help"
        aria-label={common().shortcuts}
        title={common().shortcutsKey}
        onClick={() => setOpen(true)}
      >
        <HelpIcon />
      </button>
      {open && <KeyHelp onClose={() => setOpen(false)} />}
    </>
  )
}
