/** The language of all texts, numbers and dates of the page. state/language.ts chooses it. */
export const LANGUAGES = ['en', 'de'] as const
export type Language = (typeof LANGUAGES)[number]

let current: Language = 'en'

export function language(): Language {
  return current
}

export function setLanguage(chosen: Language): void {
  current = chosen
}

/** Counts in words by the plural rules of a language; both languages have one form for 1 and one for all others. */
export interface Forms {
  /** `1,234,567`, `1.234.567`. */
  count(value: number): string
  /** `1.50`, `1,50`. */
  decimal(value: number, digits: number): string
  /** `1 batch`, `5,894,687 batches`. */
  plural(value: number, one: string, other: string): string
  /** The form alone, without the number. */
  form(value: number, one: string, other: string): string
}

function formsOf(locale: string): Forms {
  const rules = new Intl.PluralRules(locale)
  const formats = [0, 1, 2, 3].map(
    (digits) =>
      new Intl.NumberFormat(locale, {
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
      }),
  )
  const count = (value: number) => formats[0]!.format(value)
  const form = (value: number, one: string, other: string) =>
    rules.select(value) === 'one' ? one : other
  return {
    count,
    form,
    decimal: (value, digits) => formats[digits]!.format(value),
    plural: (value, one, other) => `${count(value)} ${form(value, one, other)}`,
  }
}

export const ENGLISH = formsOf('en-US')
export const GERMAN = formsOf('de-DE')

export function forms(): Forms {
  return current === 'de' ? GERMAN : ENGLISH
}

const TIME_LOCALES: Readonly<Record<Language, string>> = { en: 'en-GB', de: 'de-DE' }

/** A formatter in the language of the moment of its use. */
export function dateFormatOf(options: Intl.DateTimeFormatOptions): (ms: number) => string {
  const made = new Map<Language, Intl.DateTimeFormat>()
  return (ms) => {
    const known = made.get(current) ?? new Intl.DateTimeFormat(TIME_LOCALES[current], options)
    made.set(current, known)
    return known.format(ms)
  }
}
