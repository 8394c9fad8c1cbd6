/** Light, dark, or as the system says. public/theme.js applies the stored choice before the first paint. */
import { createStore } from './store.js'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

const STORAGE_KEY = 'tunmeter.theme'

function stored(): Theme {
  const value = document.documentElement.dataset.theme
  return value === 'light' || value === 'dark' ? value : 'system'
}

export const theme = createStore<Theme>(stored())

/** Changes also when the system's preference does; charts, which paint their own pixels, redraw on it. */
export const isDark = createStore<boolean>(false)

const systemDark = window.matchMedia('(prefers-color-scheme: dark)')

/** Paper is light. */
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
    // Storage is off: the choice holds for this page only.
  }
  theme.set(chosen)
  apply()
}
