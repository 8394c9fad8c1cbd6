import { useStore } from '../state/store.js'
import { chooseTheme, isDark, THEMES, type Theme, theme } from '../state/theme.js'
import { MoonIcon, SunIcon } from './icons.js'
import { Popover } from './popover.js'

const LABELS: Readonly<Record<Theme, string>> = {
  system: 'As the system',
  light: 'Light',
  dark: 'Dark',
}

export function ThemeMenu() {
  const chosen = useStore(theme)
  const dark = useStore(isDark)
  return (
    <Popover
      align="end"
      buttonClass="button quiet icon"
      name={`Theme: ${LABELS[chosen]}`}
      label={dark ? <MoonIcon /> : <SunIcon />}
    >
      {(close) =>
        THEMES.map((option) => (
          <button
            type="button"
            key={option}
            class="menu-item"
            aria-pressed={option === chosen}
            onClick={() => {
              chooseTheme(option)
              close()
            }}
          >
            {LABELS[option]}
          </button>
        ))
      }
    </Popover>
  )
}
