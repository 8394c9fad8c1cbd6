/** The frame of every page: pages, completeness, organisation, key, and a banner while the server is unreachable. */

import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { messageOf } from '../../base/errors.js'
import { serverReachable } from '../api/client.js'
import { orgOf, useOrgs } from '../api/orgs.js'
import { session, signOut } from '../api/session.js'
import { formatDateTime } from '../format/time.js'
import { onlyFilters } from '../state/filters.js'
import { pageHref } from '../state/page-href.js'
import { useStore } from '../state/store.js'
import { followLink, setParams, useLocation } from '../state/url.js'
import { CompletenessBadge } from './completeness-badge.js'
import { Hatches } from './hatch.js'
import { ChevronIcon, KeyIcon, Logo } from './icons.js'
import { isTyping } from './is-typing.js'
import { KeyHelp } from './key-help.js'
import { Popover } from './popover.js'
import { RetentionBanner } from './retention-banner.js'
import { Message } from './states.js'
import { ThemeMenu } from './theme-menu.js'
import { toast } from './toasts.js'

export interface PageLink {
  readonly path: string
  readonly title: string
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
        Skip to content
      </a>
      <header class="header">
        <a class="brand" href={pageHref('/')} onClick={followLink}>
          <Logo />
          tunmeter
        </a>
        <nav class="nav" aria-label="Pages of the dashboard">
          {pages.map((page) => (
            <a
              key={page.path}
              href={pageHref(page.path)}
              aria-current={page === current ? 'page' : undefined}
              onClick={followLink}
            >
              {page.title}
            </a>
          ))}
        </nav>
        <span class="space" />
        {orgId !== undefined && <CompletenessBadge orgId={orgId} />}
        {orgs !== undefined && orgs.length > 1 && <OrgChoice orgs={orgs} orgId={orgId} />}
        <KeyHelpButton />
        <ThemeMenu />
        <Account orgId={orgId} />
      </header>
      <div role="status">
        {!reachable && (
          <div class="banner wrong">
            The server does not answer. This page shows the latest answers and tries again by
            itself.
          </div>
        )}
      </div>
      {orgId !== undefined && <RetentionBanner orgId={orgId} />}
      <main class="main" id="main" tabIndex={-1}>
        {orgId === undefined ? <NoOrg known={orgs} /> : children(orgId)}
      </main>
    </div>
  )
}

function NoOrg({ known }: { known: readonly string[] | undefined }) {
  if (known === undefined) return null
  return (
    <Message title="No organisation yet">
      <p>Create one with its first key, on the server:</p>
      <pre class="command">tunmeter keys create --scope admin --org my-org --create-org</pre>
    </Message>
  )
}

function OrgChoice({ orgs, orgId }: { orgs: readonly string[]; orgId: string | undefined }) {
  return (
    <Popover
      align="end"
      buttonClass="button quiet"
      name={`Organisation: ${orgId ?? 'none'}`}
      label={
        <>
          {orgId ?? 'Organisation'}
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
      name={`Signed in with key ${info.name ?? info.scope}`}
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
            {info.scope} key{orgId && ` for ${orgId}`}
            <br />
            {expiresAt === null
              ? 'does not expire'
              : `expires ${formatDateTime(Date.parse(expiresAt))}`}
          </p>
          <a class="menu-item" href="/docs" target="_blank" rel="noreferrer">
            API reference
          </a>
          <div class="menu-line" />
          <button type="button" class="menu-item" onClick={leave}>
            Sign out
          </button>
        </>
      )}
    </Popover>
  )
}

function leave(): void {
  signOut().catch((error: unknown) => {
    toast(`Still signed in: ${messageOf(error)}`)
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
        aria-label="Keyboard shortcuts"
        title="Keyboard shortcuts (?)"
        onClick={() => setOpen(true)}
      >
        <span aria-hidden="true">?</span>
      </button>
      {open && <KeyHelp onClose={() => setOpen(false)} />}
    </>
  )
}
