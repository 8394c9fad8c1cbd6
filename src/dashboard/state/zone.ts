/** The zone that the person chose, kept in the browser. */
import { setZone, type Zone } from '../format/zone.js'
import { createStore } from './store.js'

const STORAGE_KEY = 'tunmeter.zone'

function stored(): Zone {
  try {
    return localStorage.getItem(STORAGE_KEY) === 'utc' ? 'utc' : 'browser'
  } catch {
    return 'browser'
  }
}

export const zone = createStore<Zone>(stored())
setZone(zone.get())

/** Pages are built anew: times are in all of them. */
export function chooseZone(chosen: Zone): void {
  try {
    if (chosen === 'browser') localStorage.removeItem(STORAGE_KEY)
    else localStorage.setItem(STORAGE_KEY, chosen)
  } catch {
    // Storage is off: the choice lasts until the page is reloaded.
  }
  setZone(chosen)
  zone.set(chosen)
}
