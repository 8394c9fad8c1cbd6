/** A banner with the losses of the selected sites, because a reader must know what the log lacks. */

import { completeness } from '../../api/completeness.js'
import { siteText, worstFirst } from '../../parts/completeness-text.js'
import { pageHref } from '../../state/page-href.js'
import { useStore } from '../../state/store.js'
import { followLink } from '../../state/url.js'
import { completeness as texts } from '../../texts/completeness.js'
import { logs } from '../../texts/logs.js'

const SITES_SAID_MAX = 3

export interface LossesProps {
  /** Undefined: all sites. */
  readonly siteIds: readonly string[] | undefined
}

export function Losses({ siteIds }: LossesProps) {
  const sites = useStore(completeness)?.sites ?? []
  const holed = worstFirst(
    sites.filter(({ siteId }) => siteIds === undefined || siteIds.includes(String(siteId))),
  )
  if (holed.length === 0) return null
  const rest = holed.length - SITES_SAID_MAX
  return (
    <div class="banner losses">
      <ul aria-label={texts().missingHere}>
        {holed.slice(0, SITES_SAID_MAX).map((site) => (
          <li key={site.siteId}>{siteText(site)}</li>
        ))}
        {rest > 0 && <li>{texts().moreSites(rest)}</li>}
      </ul>
      <a href={pageHref('/sites')} onClick={followLink}>
        {logs().sites}
      </a>
    </div>
  )
}
