/** The language of the dashboard, in the header. */
import { useEffect, useRef } from 'preact/hooks'
import { chooseLanguage, language } from '../state/language.js'
import { useStore } from '../state/store.js'
import { common } from '../texts/common.js'
import { LANGUAGES } from '../texts/language.js'
import { toast } from './toasts.js'

/** A change builds the whole page anew; this button then gets the focus again. */
let keepsFocus = false

export function LanguageSwitch() {
  const chosen = useStore(language)
  const button = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (keepsFocus) button.current?.focus()
    keepsFocus = false
  }, [])
  const { shortLanguage, languageSwitch } = common()
  const change = async () => {
    keepsFocus = true
    const next = LANGUAGES.find((one) => one !== chosen)!
    await chooseLanguage(next).catch(() => {
      keepsFocus = false
      toast(common().notLoadedWhy)
    })
  }
  return (
    <button
      type="button"
      class="button quiet language-switch"
      aria-label={languageSwitch}
      title={languageSwitch}
      ref={button}
      onClick={change}
    >
      {shortLanguage}
    </button>
  )
}
