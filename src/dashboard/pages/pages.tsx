/** The pages by their paths. */
import type { ComponentType } from 'preact'
import { LogsPage } from './logs/logs-page.js'

export interface Page {
  readonly path: string
  readonly title: string
  readonly Page: ComponentType<{ orgId: string }>
}

export const PAGES: readonly [Page, ...Page[]] = [
  { path: '/', title: 'Connection logs', Page: LogsPage },
]

export function pageFor(path: string): Page {
  return PAGES.find((page) => page.path === path) ?? PAGES[0]
}
