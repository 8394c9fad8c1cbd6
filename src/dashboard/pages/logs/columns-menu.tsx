/** Chooses the columns of the table and their order. */
import { ArrowDownIcon, ArrowUpIcon } from '../../parts/icons.js'
import { Popover } from '../../parts/popover.js'
import {
  COLUMN_NAMES,
  type ColumnName,
  chooseColumns,
  chosenColumns,
  DEFAULT_COLUMNS,
} from '../../state/columns.js'
import { useStore } from '../../state/store.js'
import { logs } from '../../texts/logs.js'

export function ColumnsMenu() {
  const chosen = useStore(chosenColumns)
  const shown = chosen ?? DEFAULT_COLUMNS
  const others = COLUMN_NAMES.filter((name) => !shown.includes(name))
  return (
    <Popover align="end" label={logs().columnsMenu}>
      {() => (
        <fieldset class="columns-menu">
          <legend class="menu-title">{logs().columnsTitle}</legend>
          {[...shown, ...others].map((name) => (
            <Choice key={name} name={name} shown={shown} />
          ))}
          <button
            type="button"
            class="button small"
            disabled={chosen === null}
            onClick={() => chooseColumns(null)}
          >
            {logs().usualColumns}
          </button>
        </fieldset>
      )}
    </Popover>
  )
}

function Choice({ name, shown }: { name: ColumnName; shown: readonly ColumnName[] }) {
  const at = shown.indexOf(name)
  const label = logs().columns[name]
  const toggle = ({ currentTarget }: Event) => {
    chooseColumns(at < 0 ? [...shown, name] : shown.filter((other) => other !== name))
    keepFocus(currentTarget)
  }
  const swap = (to: number, { currentTarget }: Event) => {
    const next = [...shown]
    const other = next[to]
    if (at < 0 || other === undefined) return
    next[at] = other
    next[to] = name
    chooseColumns(next)
    keepFocus(currentTarget)
  }
  return (
    <div class="columns-choice">
      <label>
        <input
          type="checkbox"
          checked={at >= 0}
          // One column beside the start stays.
          disabled={at === 0 && shown.length === 1}
          onChange={toggle}
        />{' '}
        {label}
      </label>
      <button
        type="button"
        class="button quiet icon small"
        aria-label={logs().moveUp(label)}
        aria-disabled={at < 1}
        onClick={(event) => swap(at - 1, event)}
      >
        <ArrowUpIcon />
      </button>
      <button
        type="button"
        class="button quiet icon small"
        aria-label={logs().moveDown(label)}
        aria-disabled={at < 0 || at === shown.length - 1}
        onClick={(event) => swap(at + 1, event)}
      >
        <ArrowDownIcon />
      </button>
    </div>
  )
}

/** The line of the focused control moves in the list, which takes the focus away. */
function keepFocus(control: EventTarget | null): void {
  queueMicrotask(() => (control as HTMLElement).focus())
}
