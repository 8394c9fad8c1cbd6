/** The zone of all times of the dashboard, beside the time range. */
import { useEffect, useRef } from 'preact/hooks'
import { shortZoneName, ZONES, type Zone, zoneName } from '../format/zone.js'
import { useStore } from '../state/store.js'
import { chooseZone, zone } from '../state/zone.js'
import { common } from '../texts/common.js'

/** A change builds the page anew, and with it this button, which keeps the focus. */
let keepsFocus = false

export function ZoneSwitch({ atMs }: { atMs: number }) {
  const chosen = useStore(zone)
  const button = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (keepsFocus) button.current?.focus()
    keepsFocus = false
  }, [])
  const next: Zone = ZONES.find((one) => one !== chosen)!
  const title = common().zoneSwitch(zoneName(atMs, chosen), zoneName(atMs, next))
  return (
    <button
      type="button"
      class="button quiet zone-switch"
      aria-label={title}
      title={title}
      ref={button}
      onClick={() => {
        keepsFocus = true
        chooseZone(next)
      }}
    >
      {shortZoneName(atMs, chosen)}
    </button>
  )
}
