/** The language that the person chose, kept in the browser; by default the browser's first language that the page has. */

import { loadTexts } from '../texts/catalogue.js'
import { LANGUAGES, type Language, setLanguage } from '../texts/language.js'
import { createStore } from './store.js'

const STORAGE_KEY = 'tunmeter.language'

export const language = createStore<Language>('en')

function preferred(): Language {
  const known = (tag: string | null) => LANGUAGES.find((one) => one === tag?.slice(0, 2))
  const browsers = navigator.languages.find((tag) => known(tag) !== undefined) ?? 'en'
  return known(stored()) ?? known(browsers)!
}

function stored(): string | null {
  try {
    return localStorage.getItem(STORAGE_KEY)
  } catch {
    return null
  }
}

async function show(chosen: Language): Promise<void> {
  await loadTexts(chosen)
  setLanguage(chosen)
  document.documentElement.lang = chosen
  language.set(chosen)
}

/** Before the first rendering. The page is English when the texts of its language do not load. */
export async function startLanguage(): Promise<void> {
  await show(preferred()).catch(() => show('en'))
}

/** Builds all pages anew, because all have texts. @throws when the texts do not load; the language then stays */
export async function chooseLanguage(chosen: Language): Promise<void> {
  await show(chosen)
  try {
    localStorage.setItem(STORAGE_KEY, chosen)
  } catch {
    // Storage is off: the choice lasts until the page is reloaded.
  }
}
