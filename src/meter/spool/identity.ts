/** meter.json: the meter's id and the waiting sessions, kept apart from the data file because that can be damaged. */
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Identity, identitySchema, SPOOL_VERSION } from './format.js'

const LEDGER_EVERY_MS = 5_000
const FILE = 'meter.json'

/** Null when the file is missing or unreadable. @throws Error when a later version wrote it */
export function readIdentity(directory: string): Identity | null {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(join(directory, FILE), 'utf8'))
  } catch {
    return null
  }
  const version = (content as { version?: unknown } | null)?.version
  if (typeof version === 'number' && version > SPOOL_VERSION) {
    throw new Error(`it has format ${version}, this program knows up to ${SPOOL_VERSION}`)
  }
  const parsed = identitySchema.safeParse(content)
  return parsed.success ? parsed.data : null
}

/** Replaces the file atomically; durable when it returns. */
export function writeIdentity(directory: string, identity: Identity): void {
  const temporary = join(directory, `${FILE}.new`)
  const fd = openSync(temporary, 'w', 0o600)
  try {
    writeSync(fd, `${JSON.stringify(identity)}\n`)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, join(directory, FILE))
  syncDirectory(directory)
}

/** Keeps `unsent` in meter.json up to date while the spool runs. */
export class IdentityKeeper {
  readonly #directory: string
  readonly #nowMs: () => number
  #identity: Identity
  #writtenMs: number

  constructor(directory: string, identity: Identity, nowMs: () => number) {
    this.#directory = directory
    this.#identity = identity
    this.#nowMs = nowMs
    this.#writtenMs = nowMs()
  }

  get meterId(): string {
    return this.#identity.meterId
  }

  /**
   * Writes at most every 5 s. A failed write only leaves `unsent` out of date: the same disk fails append() too, which
   * reports it.
   */
  note(unsent: () => Identity['unsent']): void {
    if (this.#nowMs() - this.#writtenMs < LEDGER_EVERY_MS) return
    try {
      this.save({ unsent: unsent() })
    } catch {
      this.#writtenMs = this.#nowMs()
    }
  }

  save(change: Partial<Identity>): void {
    const identity = { ...this.#identity, ...change }
    writeIdentity(this.#directory, identity)
    this.#identity = identity
    this.#writtenMs = this.#nowMs()
  }
}

/** A rename is durable only after an fsync of its directory. */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** The host's name for people, and 32 random bits because two hosts may have the same name. */
export function newMeterId(): string {
  const host = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-')
    .slice(0, 40)
  return `${host}-${randomBytes(4).toString('hex')}`
}
