import { Message } from '../parts/states.js'
import { followLink, hrefOf, useLocation } from '../state/url.js'

export function NoSuchPage() {
  const { path, params } = useLocation()
  const log = (
    <a class="button primary" href={hrefOf('/', { org: params.get('org') })} onClick={followLink}>
      Connection logs
    </a>
  )
  return (
    <Message title="No such page" actions={log}>
      <p>
        There is nothing at <code>{path}</code>.
      </p>
    </Message>
  )
}
