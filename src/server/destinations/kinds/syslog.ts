/**
 * `syslog`: RFC 5424 messages over TLS with the octet counting of RFC 5425 (`MSG-LEN SP MSG`). If the operator allows
 * it, also over plain TCP with the same framing (RFC 6587).
 *
 * RELP (relp.ts) answers each message, but plain syslog acknowledges nothing. Without RELP, each attempt therefore uses
 * its own connection and ends it after the last message. If the receiver then closes its side in order, it has read to
 * the end, which counts as the acknowledgement. A later loss at the receiver goes unnoticed.
 */
import { once } from 'node:events'
import { connect as connectPlain, isIP, type Socket } from 'node:net'
import { hostname } from 'node:os'
import { connect as connectTls } from 'node:tls'
import { z } from 'zod'
import { isoUs } from '../../../session/fields.js'
import { joined } from '../events.js'
import { eventsSchema } from '../formats/formats.js'
import { checkUrl, type GuardOptions, guardedLookup } from '../guard.js'
import { ATTEMPT_MS_MAX, failureOf } from '../http-send.js'
import type { Delivery, Kind, Opening, Receiver } from '../kind.js'
import type { Outcome } from '../outcome.js'
import { caSchema, urlSchema } from '../settings.js'
import { sendRelp } from './relp.js'

const PORT_TLS = 6514
const PORT_PLAIN = 601
const PORT_RELP = 2514
/** Severity: informational. */
const INFORMATIONAL = 6
/** Header fields consist of visible ASCII. */
const VISIBLE = /^[\x21-\x7e]+$/

const settings = z.strictObject({
  url: urlSchema('tls', 'tcp', 'relp+tls', 'relp').meta({
    description: `tls://host:port (${PORT_TLS}), or tcp://host:port (${PORT_PLAIN}) without encryption. With answers (RELP): relp+tls://host:port, or relp://host:port (${PORT_RELP}).`,
  }),
  facility: z.int().min(0).max(23).default(16).meta({ description: '16: local0.' }),
  hostname: z.string().max(255).regex(VISIBLE).optional().meta({
    description: 'HOSTNAME of the messages; else that of this server.',
  }),
  appName: z.string().max(48).regex(VISIBLE).default('tunmeter'),
  cee: z.boolean().default(false).meta({ description: 'Begin each message with `@cee: `.' }),
  ca: caSchema,
  events: eventsSchema,
  clientCert: z
    .string()
    .max(100_000)
    .refine((text) => text.includes('-----BEGIN CERTIFICATE-----'), 'expected a certificate as PEM')
    .optional()
    .meta({ description: 'Of this server, PEM; with the secret clientKey.' }),
})
type Settings = z.output<typeof settings>

export const syslog: Kind = {
  name: 'syslog',
  settings,
  secrets: {
    clientKey: {
      schema: z
        .string()
        .max(100_000)
        .refine((text) => text.includes('PRIVATE KEY-----'), 'expected a private key as PEM'),
      required: false,
    },
  },
  target: ({ url }) => url as string,
  isEncrypted: ({ url }) => /^(?:relp\+)?tls:/.test(url as string),
  open: (given) => new Syslog(given),
}

class Syslog implements Receiver {
  readonly #settings: Settings
  readonly #secrets: Opening['secrets']
  readonly #guard: GuardOptions
  /** The header of each message, before and after its time. */
  readonly #head: string
  readonly #tail: string

  constructor({ settings: given, secrets, guard, records }: Opening) {
    this.#settings = given as Settings
    this.#secrets = secrets
    this.#guard = guard
    const { facility, appName, hostname: named = hostname() } = this.#settings
    this.#head = `<${8 * facility + INFORMATIONAL}>1 `
    this.#tail = ` ${VISIBLE.test(named) ? named : '-'} ${appName} - ${records === 'peers' ? 'peer' : 'session'} - ${this.#settings.cee ? '@cee: ' : ''}`
  }

  async deliver({ events, rows, signal }: Delivery): Promise<Outcome> {
    const frames = events.map((event, i) =>
      framed(`${this.#head}${isoUs(rows[i]!.endTimeUs)}${this.#tail}${event}`),
    )
    const ending = AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS_MAX)])
    let socket: Socket | undefined
    try {
      socket = await this.#connect(ending)
      if (isRelp(this.#settings.url)) return await sendRelp(socket, frames, ending)
      await sendAll(socket, joined(frames, ''), ending)
      return { kind: 'delivered', status: null }
    } catch (error) {
      return failureOf(ending.aborted ? ending.reason : error)
    } finally {
      socket?.destroy()
    }
  }

  async #connect(signal: AbortSignal): Promise<Socket> {
    const url = new URL(this.#settings.url)
    checkUrl(url, this.#guard, syslog.isEncrypted(this.#settings))
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    const lookup = guardedLookup(this.#guard)
    if (!syslog.isEncrypted(this.#settings))
      return connected(connectPlain({ host, port: portOf(url), lookup }), 'connect', signal)
    const { ca, clientCert: cert } = this.#settings
    const { clientKey: key } = this.#secrets
    const socket = connectTls({
      ...{ host, port: portOf(url), lookup, minVersion: 'TLSv1.2' },
      ...(isIP(host) === 0 && { servername: host }),
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    })
    return connected(socket, 'secureConnect', signal)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

async function connected<S extends Socket>(
  socket: S,
  event: string,
  signal: AbortSignal,
): Promise<S> {
  // A permanent listener, because an error event without one would end the server.
  socket.on('error', () => undefined)
  try {
    await once(socket, event, { signal })
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

function isRelp(url: string): boolean {
  return url.startsWith('relp')
}

function portOf(url: URL): number {
  if (isRelp(url.href)) return Number(url.port || PORT_RELP)
  return Number(url.port || (url.protocol === 'tls:' ? PORT_TLS : PORT_PLAIN))
}

/** Resolves when all is written and the receiver has ended its side in order. */
async function sendAll(socket: Socket, bytes: Buffer, signal: AbortSignal): Promise<void> {
  const ended = once(socket, 'end', { signal })
  const failed = new Promise<never>((_, reject) => {
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the receiver closed the connection too early')))
  })
  // The receiver's data is ignored, but it must be read because `end` would not be emitted otherwise.
  socket.resume()
  let written = false
  socket.end(bytes, () => {
    written = true
  })
  await Promise.race([ended, failed])
  if (!written) throw new Error('the receiver ended the connection before all was written')
}

export function framed(message: string): string {
  return `${Buffer.byteLength(message)} ${message}`
}
