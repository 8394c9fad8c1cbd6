/**
 * Reads clients from the files of other programs: comments of wg-quick's files, wg-easy's JSON, `tailscale
 * status --json`, `netbird status --json`. Private and preshared keys in them are ignored.
 */
import { z } from 'zod'
import { printable } from '../base/printable.js'
import { parsePrefix } from '../session/address.js'
import type { Catalog } from '../session/catalog.js'

export interface FoundClient {
  /** Null: the client has a key but no name. */
  readonly name: string | null
  readonly publicKey: string | null
  readonly addresses: readonly string[]
  readonly userId: string | null
}

export interface Found {
  readonly clients: readonly FoundClient[]
  readonly users: Catalog['users']
}

/** The bound of names. printable() also removes control characters, because other programs wrote these texts. */
const NAME_BYTES_MAX = 200
const PUBLIC_KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/

function nameOf(text: string | null | undefined): string | null {
  const name = printable((text ?? '').trim(), NAME_BYTES_MAX)
  return name === '' ? null : name
}

/** `# Name = Anna`, the name of the section around it. */
const NAME_SETTING = /^(?:friendly[_ ]?name|name)\s*[:=]\s*/i
/** Headings that installers write above a section. */
const HEADING = /^(?:BEGIN_PEER|Client:?|Peer:?)\s+/i
/** A setting that is commented out is no name. */
const NO_NAME = /^(?:END_PEER\b|[A-Za-z]+\s*=)/

interface Section {
  name: string | null
  publicKey: string | null
  isNamed: boolean
  hasSettings: boolean
  /** An empty line followed the settings, so comments after it belong to the next section. */
  isOver: boolean
}

/**
 * A peer's name is the last comment above its [Peer], or the first comment inside it before its settings.
 * `# Name = Anna` anywhere inside it wins.
 */
class WgQuickReader {
  readonly clients: FoundClient[] = []
  #peer: Section | null = null
  #above: { readonly name: string; readonly isNamed: boolean } | null = null

  line(text: string): void {
    const comment = /^[#;]+\s*(.*)$/.exec(text)?.[1]
    if (comment !== undefined) this.#comment(comment)
    else if (/^\[.*\]$/.test(text)) this.#section(/^\[peer\]$/i.test(text))
    else if (text !== '') this.#setting(text)
    else if (this.#peer?.hasSettings) this.#peer.isOver = true
  }

  end(): void {
    const { publicKey = null, name = null } = this.#peer ?? {}
    if (publicKey !== null) this.clients.push({ name, publicKey, addresses: [], userId: null })
    this.#peer = null
  }

  #comment(comment: string): void {
    const isNamed = NAME_SETTING.test(comment)
    const isHeading = HEADING.test(comment)
    if (!isNamed && NO_NAME.test(comment)) return
    const name = nameOf(comment.replace(isNamed ? NAME_SETTING : HEADING, ''))
    if (name === null) return
    this.#above = { name, isNamed }
    const peer = this.#peer
    if (peer === null || peer.isOver || isHeading || peer.isNamed) return
    if (isNamed || (!peer.hasSettings && peer.name === null)) Object.assign(peer, this.#above)
  }

  #section(isPeer: boolean): void {
    this.end()
    const { name, isNamed } = this.#above ?? { name: null, isNamed: false }
    const fresh = { publicKey: null, hasSettings: false, isOver: false }
    this.#peer = isPeer ? { name, isNamed, ...fresh } : null
    this.#above = null
  }

  #setting(text: string): void {
    this.#above = null
    if (this.#peer === null) return
    this.#peer.hasSettings = true
    const key = /^PublicKey\s*=\s*(\S+)/i.exec(text)?.[1]
    if (key !== undefined && PUBLIC_KEY.test(key)) this.#peer.publicKey = key
  }
}

export function readWgQuick(text: string): Found {
  const reader = new WgQuickReader()
  for (const line of text.split(/\r?\n/)) reader.line(line.trim())
  reader.end()
  return { clients: reader.clients, users: [] }
}

const wgEasyClient = z.object({
  name: z.string().nullish(),
  publicKey: z.string().regex(PUBLIC_KEY),
})
/** wg0.json of wg-easy up to version 14, or the list of its API. */
const wgEasy = z.union([
  z
    .object({ clients: z.record(z.string(), wgEasyClient) })
    .transform((v) => Object.values(v.clients)),
  z.array(wgEasyClient),
])

/** @returns null when it is something else */
export function readWgEasy(value: unknown): Found | null {
  const read = wgEasy.safeParse(value)
  if (!read.success) return null
  const clients = read.data.map(({ name, publicKey }) => {
    return { name: nameOf(name), publicKey, addresses: [], userId: null }
  })
  return { clients, users: [] }
}

const node = z.object({
  HostName: z.string().default(''),
  DNSName: z.string().default(''),
  TailscaleIPs: z.array(z.string()).nullish(),
  UserID: z.number().nullish(),
})
const tailscale = z.object({
  Self: node,
  Peer: z.record(z.string(), node).nullish(),
  User: z
    .record(z.string(), z.object({ LoginName: z.string(), DisplayName: z.string().default('') }))
    .nullish(),
})
/** Tailscale's login for devices that belong to a tag, not to a person. */
const TAGGED = 'tagged-devices'

/** Clients with addresses only: Tailscale's interface does not tell keys. @returns null when it is something else */
export function readTailscale(value: unknown): Found | null {
  const read = tailscale.safeParse(value)
  if (!read.success) return null
  const { Self, Peer, User } = read.data
  const loginOf = (id: number | null | undefined): string | null => {
    const login = nameOf(User?.[String(id)]?.LoginName)
    return login === TAGGED ? null : login
  }
  const clients = [Self, ...Object.values(Peer ?? {})].map((one) => ({
    // A phone's HostName is often "localhost".
    name: nameOf(one.DNSName.split('.')[0]) ?? nameOf(one.HostName),
    publicKey: null,
    addresses: (one.TailscaleIPs ?? []).filter((ip) => parsePrefix(ip) !== null),
    userId: loginOf(one.UserID),
  }))
  const logins = new Set(clients.flatMap(({ userId }) => userId ?? []))
  const users = Object.values(User ?? {}).flatMap(({ LoginName, DisplayName }) => {
    const userId = nameOf(LoginName)
    if (userId === null || !logins.delete(userId)) return []
    const email = userId.includes('@') ? { email: userId } : {}
    return [{ userId, name: nameOf(DisplayName) ?? userId, ...email }]
  })
  return { clients: clients.filter((one) => one.addresses.length > 0), users }
}

const netBirdPeer = z.object({
  fqdn: z.string().default(''),
  netbirdIp: z.string().default(''),
  publicKey: z.string().regex(PUBLIC_KEY),
})
const netBird = z.object({
  peers: z.object({ details: z.array(netBirdPeer).nullish() }),
  netbirdIp: z.string(),
})

/** The peers that this machine may reach, with their keys. @returns null when it is something else */
export function readNetBird(value: unknown): Found | null {
  const read = netBird.safeParse(value)
  if (!read.success) return null
  const clients = (read.data.peers.details ?? []).map(({ fqdn, netbirdIp, publicKey }) => {
    const ip = netbirdIp.split('/')[0]!
    const addresses = parsePrefix(ip) === null ? [] : [ip]
    return { name: nameOf(fqdn.split('.')[0]), publicKey, addresses, userId: null }
  })
  return { clients, users: [] }
}
