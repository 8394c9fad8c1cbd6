/** The catalogue: German has every English text with the same values in it, and both have right plurals. */
import { readdirSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { ApiError, ownError } from '../../src/dashboard/api/client.js'
import { faultText } from '../../src/dashboard/api/fault-text.js'
import { formatBytes, formatCount } from '../../src/dashboard/format/bytes.js'
import { changeOf } from '../../src/dashboard/format/change.js'
import { formatAgo, formatDay, formatDuration } from '../../src/dashboard/format/time.js'
import { loadTexts } from '../../src/dashboard/texts/catalogue.js'
import { common } from '../../src/dashboard/texts/common.js'
import { filters } from '../../src/dashboard/texts/filters.js'
import { setLanguage } from '../../src/dashboard/texts/language.js'
import { parseQuery, QUERY_TERMS_MAX, type QueryFault } from '../../src/session/query.js'

type Message = string | ((...values: unknown[]) => string)

/** Their values are no texts for the page, but codes. Tests below call them. */
const BY_CODE = ['filters.mistake', 'faults.server', 'destinations.help']

/** Each text under its path, such as `common.pages.logs`. */
function messagesOf(part: object, path: string): [string, Message][] {
  return Object.entries(part).flatMap(([key, value]) =>
    typeof value === 'object' && value !== null
      ? messagesOf(value, `${path}.${key}`)
      : [[`${path}.${key}`, value as Message] as [string, Message]],
  )
}

async function catalogue(language: 'en' | 'de'): Promise<Map<string, Message>> {
  const folder = new URL(`../../src/dashboard/texts/${language}/`, import.meta.url)
  const files = readdirSync(folder).filter((name) => name !== 'first.ts')
  const parts = await Promise.all(
    files.map((name) => import(new URL(name, folder).pathname) as Promise<object>),
  )
  return new Map(
    parts.flatMap((part) =>
      Object.entries(part).flatMap(([name, texts]) => messagesOf(texts as object, name)),
    ),
  )
}

/** Numbers that no text has, and that both languages write the same way. */
const VALUES = [211, 223, 227, 229, 233]

/** The values that the text of a message has. */
function valuesIn(message: Message): number[] {
  if (typeof message === 'string') return []
  const text = message(...VALUES.slice(0, message.length))
  return VALUES.filter((value) => text.includes(String(value)))
}

describe('the catalogue', () => {
  test('German has every text, with the values of the English one', async () => {
    const [english, german] = [await catalogue('en'), await catalogue('de')]
    expect(english.size).toBeGreaterThan(600)
    expect([...german.keys()].sort()).toEqual([...english.keys()].sort())
    for (const [path, message] of english) {
      const translated = german.get(path)!
      expect(typeof translated, path).toBe(typeof message)
      if (typeof message === 'string') {
        expect((translated as string).trim(), path).not.toBe('')
        const marks = (text: string) => text.match(/`[^`]*`|\*\w+\*/g) ?? []
        expect(marks(translated as string).sort(), path).toEqual(marks(message).sort())
      } else if (!BY_CODE.includes(path)) {
        expect(valuesIn(translated), path).toEqual(valuesIn(message))
      }
    }
  })

  test('a wrong translation is found', () => {
    expect(valuesIn((a, b) => `${a} of ${b}`)).toEqual([211, 223])
    expect(valuesIn((a, _b) => `${a}`)).toEqual([211])
  })
})

describe('German', () => {
  const inGerman = async <T>(work: () => T): Promise<T> => {
    await loadTexts('de')
    setLanguage('de')
    return work()
  }
  afterEach(() => setLanguage('en'))

  test('numbers, times and plurals', async () => {
    const texts = () => [
      formatCount(1_234_567),
      formatBytes(1_234_567),
      formatDuration(1.234),
      formatDay(Date.UTC(2026, 10, 22, 12), Date.UTC(2026, 10, 23)),
      formatAgo(0, 3 * 86_400_000),
      changeOf(3, 2),
      common().sessions(1),
      common().sessions(1200),
    ]
    expect(await inGerman(texts)).toEqual([
      ...['1.234.567', '1,23 MB', '1,23 s', '22. Nov.', 'vor 3 Tagen', '+50 % zur Zeit davor'],
      ...['1 Sitzung', '1.200 Sitzungen'],
    ])
    setLanguage('en')
    expect(texts()).toEqual([
      ...['1,234,567', '1.23 MB', '1.23 s', '22 Nov', '3 days ago', '+50 % on the time before'],
      ...['1 session', '1,200 sessions'],
    ])
  })

  test('a mistake in a query', async () => {
    const mistake = (query: string) => {
      try {
        parseQuery(query)
        return ''
      } catch (error) {
        return filters().mistake((error as QueryFault).mistake)
      }
    }
    const many = Array(QUERY_TERMS_MAX + 1)
      .fill('a')
      .join(' ')
    expect([mistake('client:'), mistake(many)]).toEqual([
      'expected a value after client:',
      'expected at most 16 terms',
    ])
    expect(await inGerman(() => [mistake('client:'), mistake(many)])).toEqual([
      'nach client: fehlt ein Wert',
      'höchstens 16 Ausdrücke',
    ])
  })

  test('a failure: of a known code, of an unknown one, and of the page itself', async () => {
    const texts = () =>
      [
        new ApiError(401, 'this key was revoked', 'keyRevoked'),
        new ApiError(400, 'limit: expected a number', 'badRequest'),
        ownError(502, 'unexpectedAnswer', 404),
        new Error('as it is'),
      ].map(faultText)
    expect(texts()).toEqual([
      'this key was revoked',
      'limit: expected a number',
      'The server gave an unexpected answer (HTTP 404).',
      'as it is',
    ])
    expect(await inGerman(texts)).toEqual([
      'Dieser Schlüssel wurde widerrufen.',
      'Der Server lehnt ab: „limit: expected a number“',
      'Der Server gab eine unerwartete Antwort (HTTP 404).',
      'as it is',
    ])
  })
})
