import { useStore } from '../state/store.js'
import { chooseTheme, isDark, THEMES, theme } from '../state/theme.js'
import { common } from '../texts/common.js'
import { MoonIcon, SunIcon } from './icons.js'
import { Popover } from './popover.js'

export function ThemeMenu() {
  const chosen = useStore(theme)
  const dark = useStore(isDark)
  return (
    <Popover
      align="end"
      buttonClass="button quiet icon"
      name={common().theme(common().themes[chosen])}
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
            {common().themes[option]}
          </button>
        ))
      }
    </Popover>
  )
}
