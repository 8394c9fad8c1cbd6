/** Light, dark, or the system's preference. public/theme.js applies the stored choice before the first paint. */
import { createStore } from './store.js'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

const STORAGE_KEY = 'tunmeter.theme'

function stored(): Theme {
  const value = document.documentElement.dataset.theme
  return value === 'light' || value === 'dark' ? value : 'system'
}

export const theme = createStore<Theme>(stored())

/** Follows the system's preference, too. Charts redraw when it changes, because CSS cannot recolour a canvas. */
export const isDark = createStore<boolean>(false)

const systemDark = window.matchMedia('(prefers-color-scheme: dark)')

/** Printed pages are always light. */
const onPaper = window.matchMedia('print')

function apply(): void {
  const chosen = theme.get()
  const dark = chosen === 'dark' || (chosen === 'system' && systemDark.matches)
  isDark.set(dark && !onPaper.matches)
}

onPaper.addEventListener('change', apply)

systemDark.addEventListener('change', apply)
apply()

export function chooseTheme(chosen: Theme): void {
  if (chosen === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = chosen
  try {
    if (chosen === 'system') localStorage.removeItem(STORAGE_KEY)
    else localStorage.setItem(STORAGE_KEY, chosen)
  } catch {
    // Storage is off: the choice lasts until the page is reloaded.
  }
  theme.set(chosen)
  apply()
}
