import { Marked } from '../parts/marked.js'
import { Message } from '../parts/states.js'
import { followLink, hrefOf, useLocation } from '../state/url.js'
import { common } from '../texts/common.js'

export function NoSuchPage() {
  const { path, params } = useLocation()
  const log = (
    <a class="button primary" href={hrefOf('/', { org: params.get('org') })} onClick={followLink}>
      {common().pages.logs}
    </a>
  )
  return (
    <Message title={common().pages.nowhere} actions={log}>
      <p>
        <Marked text={common().nothingAt(path)} />
      </p>
    </Message>
  )
}
