/** Whether anything is missing in the range, and in the time before, with which it is compared. */

import { completeness } from '../../api/completeness.js'
import { sentenceOf, siteText, worstFirst } from '../../parts/completeness-text.js'
import { pageHref } from '../../state/page-href.js'
import { useStore } from '../../state/store.js'
import { followLink } from '../../state/url.js'
import { overview } from '../../texts/overview.js'
import type { OddQueries } from './use-odd.js'

export function CompletenessLine({ odd }: { odd: OddQueries }) {
  const answer = useStore(completeness)
  if (answer === undefined) return null
  const [worst] = worstFirst(answer.sites)
  const before = odd.completenessBefore.data
  return (
    <p class="lead">
      <a href={pageHref('/sites')} onClick={followLink}>
        {sentenceOf(answer)}
      </a>{' '}
      {worst !== undefined && siteText(worst)}
      {before?.complete === false && <span class="muted"> {overview().beforeIncomplete}</span>}
    </p>
  )
}
