/** The pages by their paths. */
import type { ComponentType } from 'preact'
import { lazyPage } from '../parts/lazy.js'
import type { PageLink } from '../parts/shell.js'
import { destinationOf, entityOf } from '../state/entity.js'
import { LogsPage } from './logs/logs-page.js'
import { NoSuchPage } from './no-such-page.js'

const OverviewPage = lazyPage(
  async () => (await import('./overview/overview-page.js')).OverviewPage,
)

const UsagePage = lazyPage(async () => (await import('./usage/usage-page.js')).UsagePage)

const SitesPage = lazyPage(async () => (await import('./sites/sites-page.js')).SitesPage)

const SettingsPage = lazyPage(
  async () => (await import('./settings/settings-page.js')).SettingsPage,
)

const EntityPage = lazyPage(async () => (await import('./entity/entity-page.js')).EntityPage)

const ConnectedPage = lazyPage(
  async () => (await import('./connected/connected-page.js')).ConnectedPage,
)

const AlertsPage = lazyPage(async () => (await import('./alerts/alerts-page.js')).AlertsPage)

const AuditPage = lazyPage(async () => (await import('./audit/audit-page.js')).AuditPage)

const DestinationsPage = lazyPage(
  async () => (await import('./destinations/destinations-page.js')).DestinationsPage,
)

const DestinationPage = lazyPage(
  async () => (await import('./destinations/destination-page.js')).DestinationPage,
)

export interface Page extends PageLink {
  readonly Page: ComponentType<{ orgId: string }>
}

export const PAGES: readonly [Page, ...Page[]] = [
  { path: '/', name: 'logs', Page: LogsPage },
  { path: '/overview', name: 'overview', Page: OverviewPage },
  { path: '/connected', name: 'connected', Page: ConnectedPage },
  { path: '/usage', name: 'usage', Page: UsagePage },
  { path: '/sites', name: 'sites', Page: SitesPage },
  { path: '/alerts', name: 'alerts', Page: AlertsPage },
  { path: '/destinations', name: 'destinations', Page: DestinationsPage },
  { path: '/audit', name: 'audit', Page: AuditPage },
  { path: '/settings', name: 'settings', Page: SettingsPage },
]

/** One page for all entities, so that a link from one to another does not build it again. */
const ENTITY: Page = { path: 'entity', name: 'entity', Page: EntityPage }

const DESTINATION: Page = { path: 'destination', name: 'destination', Page: DestinationPage }

const NOWHERE: Page = { path: '', name: 'nowhere', Page: NoSuchPage }

/** Earlier addresses of the log. */
const ALIASES: Readonly<Record<string, string>> = { '/logs': '/', '/signin': '/' }

export function pageFor(path: string): Page {
  if (entityOf(path) !== null) return ENTITY
  if (destinationOf(path) !== null) return DESTINATION
  return PAGES.find((page) => page.path === (ALIASES[path] ?? path)) ?? NOWHERE
}
