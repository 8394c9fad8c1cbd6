/** Settings that several kinds share. */
import { z } from 'zod'

const URL_CHARACTERS_MAX = 2000
const CA_CHARACTERS_MAX = 100_000

export function urlSchema(...protocols: readonly string[]) {
  return (
    z
      .string()
      .max(URL_CHARACTERS_MAX)
      .refine(
        (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol.slice(0, -1)),
        `expected an address that begins with ${protocols.map((one) => `${one}://`).join(' or ')}`,
      )
      // Node would connect to this machine instead.
      .refine(
        (text) => !URL.canParse(text) || new URL(text).hostname !== '',
        'expected a host after ://',
      )
      .refine((text) => {
        if (!URL.canParse(text)) return true
        const { username, password, hash } = new URL(text)
        return username + password + hash === ''
      }, 'expected an address without user, password and #fragment')
  )
}

const HEADERS_MAX = 20
const HEADER_NAME = '[A-Za-z0-9-]{1,64}'
/** Headers that the sender sets itself. */
const OWN_HEADERS =
  /^(?:webhook-.*|content-.*|host|connection|transfer-encoding|authorization|user-agent|te|upgrade|expect|keep-alive|proxy-.*)$/i
const NOT_OWN =
  'expected none of webhook-…, content-…, host, authorization (the secret of that name) and those of the connection'

export const headersSchema = z
  .record(
    z.string().regex(new RegExp(`^${HEADER_NAME}$`), 'expected a header of letters, digits and -'),
    z.string().regex(/^[\x20-\x7e]{0,1000}$/, 'expected up to 1000 printable ASCII characters'),
  )
  .refine((given) => Object.keys(given).length <= HEADERS_MAX, `expected at most ${HEADERS_MAX}`)
  .refine((given) => !Object.keys(given).some((name) => OWN_HEADERS.test(name)), NOT_OWN)
  .default({})
  .meta({ description: `Further headers, at most ${HEADERS_MAX}; they are shown, so no secrets.` })

/** A secret: the value of the Authorization header. */
export const authorizationSecret = {
  schema: z.string().regex(/^[\x21-\x7e][\x20-\x7e]{0,4000}$/, 'expected a header’s value'),
  required: false,
} as const

/** A secret: `NAME: value`, for receivers that expect the key in a header of another name. */
export const headerSecret = {
  schema: z
    .string()
    .regex(new RegExp(`^${HEADER_NAME}: ?[\\x21-\\x7e]{1,4000}$`), 'expected NAME: value')
    .refine((text) => !OWN_HEADERS.test(text.split(':', 1)[0]!), NOT_OWN),
  required: false,
} as const

export function secretHeaders({
  authorization,
  header,
}: Readonly<Record<string, string>>): Record<string, string> {
  const colon = header?.indexOf(':') ?? -1
  return {
    ...(header !== undefined && { [header.slice(0, colon)]: header.slice(colon + 1).trim() }),
    ...(authorization !== undefined && { authorization }),
  }
}

export const caSchema = z
  .string()
  .max(CA_CHARACTERS_MAX)
  .refine((text) => text.includes('-----BEGIN CERTIFICATE-----'), 'expected certificates as PEM')
  .optional()
  .meta({ description: 'Authorities (PEM) that are trusted in place of the system’s.' })
