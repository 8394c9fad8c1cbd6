/** The pages by their paths. */
import type { ComponentType } from 'preact'
import { lazyPage } from '../parts/lazy.js'
import { destinationOf, entityOf } from '../state/entity.js'
import { LogsPage } from './logs/logs-page.js'
import { NoSuchPage } from './no-such-page.js'
import { SettingsPage } from './settings/settings-page.js'
import { SitesPage } from './sites/sites-page.js'
import { UsagePage } from './usage/usage-page.js'

const OverviewPage = lazyPage(
  async () => (await import('./overview/overview-page.js')).OverviewPage,
)

const EntityPage = lazyPage(async () => (await import('./entity/entity-page.js')).EntityPage)

const ConnectedPage = lazyPage(
  async () => (await import('./connected/connected-page.js')).ConnectedPage,
)

const AuditPage = lazyPage(async () => (await import('./audit/audit-page.js')).AuditPage)

const DestinationsPage = lazyPage(
  async () => (await import('./destinations/destinations-page.js')).DestinationsPage,
)

const DestinationPage = lazyPage(
  async () => (await import('./destinations/destination-page.js')).DestinationPage,
)

export interface Page {
  readonly path: string
  readonly title: string
  readonly Page: ComponentType<{ orgId: string }>
}

export const PAGES: readonly [Page, ...Page[]] = [
  { path: '/', title: 'Connection logs', Page: LogsPage },
  { path: '/overview', title: 'Overview', Page: OverviewPage },
  { path: '/connected', title: 'Connected', Page: ConnectedPage },
  { path: '/usage', title: 'Usage', Page: UsagePage },
  { path: '/sites', title: 'Sites', Page: SitesPage },
  { path: '/destinations', title: 'Destinations', Page: DestinationsPage },
  { path: '/audit', title: 'Audit', Page: AuditPage },
  { path: '/settings', title: 'Settings', Page: SettingsPage },
]

/** One page for all entities, so that a link from one to another does not build it again. */
const ENTITY: Page = { path: 'entity', title: 'Details', Page: EntityPage }

const DESTINATION: Page = { path: 'destination', title: 'Destination', Page: DestinationPage }

const NOWHERE: Page = { path: '', title: 'No such page', Page: NoSuchPage }

/** Earlier addresses of the log. */
const ALIASES: Readonly<Record<string, string>> = { '/logs': '/', '/signin': '/' }

export function pageFor(path: string): Page {
  if (entityOf(path) !== null) return ENTITY
  if (destinationOf(path) !== null) return DESTINATION
  return PAGES.find((page) => page.path === (ALIASES[path] ?? path)) ?? NOWHERE
}
