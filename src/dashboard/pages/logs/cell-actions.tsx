/** The buttons of one table cell, or of one line of the details. */

import { copyText } from '../../parts/copy.js'
import { toggleNot, toggleOnly } from '../../parts/filters/change.js'
import { CopyIcon, MinusIcon, OnwardIcon, PlusIcon } from '../../parts/icons.js'
import { entityHref } from '../../state/entity.js'
import { followLink } from '../../state/url.js'
import { session } from '../../texts/session.js'
import type { Cell } from './cells.js'

export function CellActions({ cell }: { cell: Cell }) {
  const { choice, text, page } = cell
  const actions = [
    { label: session().only(text), Icon: PlusIcon, act: () => toggleOnly(choice) },
    { label: session().not(text), Icon: MinusIcon, act: () => toggleNot(choice) },
    { label: session().copyValue(text), Icon: CopyIcon, act: () => copyText(text, text) },
  ]
  return (
    <span class="cell-actions">
      {actions.map(({ label, Icon, act }) => (
        <button
          type="button"
          key={label}
          aria-label={label}
          title={label}
          onClick={(event) => {
            event.stopPropagation()
            act()
          }}
        >
          <Icon />
        </button>
      ))}
      {page && (
        <a
          href={entityHref(page)}
          aria-label={session().pageOf(text)}
          title={session().pageOf(text)}
          onClick={(event) => {
            event.stopPropagation()
            followLink(event)
          }}
        >
          <OnwardIcon />
        </a>
      )}
    </span>
  )
}
