/**
 * Secrets of destinations, sealed with AES-256-GCM. The key is in a file of its own in the data directory, mode 0600. A
 * backup does not contain this file, so a backup exposes no secret. After a restore the secrets must be set again.
 *
 * Several servers share the secrets, so each must have the same file. What they share has a digest of the key (KeyDigest), so
 * a server with another file notices it.
 *
 * A secret sealed for one destination cannot be opened for another, because the destination's id is authenticated with
 * it.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../base/errors.js'
import { writePrivateFile } from '../../base/private-files.js'

export const SECRETS_FILE = 'destinations.key'
const ALGORITHM = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** The last four characters of a shorter secret would reveal too much. */
const SHOWN_FROM = 12

/** Where several servers note which key they use. */
export interface KeyDigest {
  /** Null: none was noted yet. */
  known(): Promise<string | null>
  /** @returns the one that counts, which another server may have noted before */
  note(digest: string): Promise<string>
}

export class Secrets {
  readonly #path: string
  readonly #shared: KeyDigest | undefined
  #isOther = false

  /** @param shared undefined: no other server has these secrets */
  constructor(directory: string, shared?: KeyDigest) {
    this.#path = join(directory, SECRETS_FILE)
    this.#shared = shared
  }

  /** False: other servers use another key, so this one can read no secret. */
  async fits(): Promise<boolean> {
    const known = await this.#shared?.known()
    this.#isOther = typeof known === 'string' && known !== this.#digest()
    return !this.#isOther
  }

  /** Call it before seal(). Of several servers, the first makes the key. @throws AppError SECRETS_OTHER, SECRETS_LOST */
  async mustFit(): Promise<void> {
    if (this.#shared === undefined) return
    if ((await this.#shared.known()) === null) {
      this.#key(true)
      await this.#shared.note(this.#digest()!)
    }
    if (!(await this.fits())) throw this.#otherKey()
  }

  #digest(): string | null {
    if (!existsSync(this.#path)) return null
    return createHmac('sha256', this.#key(false)).update('tunmeter destinations').digest('hex')
  }

  #otherKey(): AppError {
    const fault = existsSync(this.#path) ? 'has another key than' : 'is missing here, unlike on'
    return new AppError('SECRETS_OTHER', `${this.#path} ${fault} the other servers`, {
      hint: 'All servers need the same file: copy it from another one.',
    })
  }

  seal(destinationId: string, secret: string): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(ALGORITHM, this.#key(true), nonce)
    cipher.setAAD(Buffer.from(destinationId))
    const sealed = [cipher.update(secret, 'utf8'), cipher.final()]
    return Buffer.concat([nonce, cipher.getAuthTag(), ...sealed]).toString('base64')
  }

  /** @throws AppError SECRETS_LOST, SECRETS_OTHER */
  open(destinationId: string, sealed: string): string {
    if (this.#isOther) throw this.#otherKey()
    try {
      const bytes = Buffer.from(sealed, 'base64')
      const decipher = createDecipheriv(ALGORITHM, this.#key(false), bytes.subarray(0, NONCE_BYTES))
      decipher.setAAD(Buffer.from(destinationId))
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
      const opened = [decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]
      return Buffer.concat(opened).toString('utf8')
    } catch (cause) {
      throw new AppError(
        'SECRETS_LOST',
        `the secrets of this destination cannot be read with ${SECRETS_FILE} of the data directory: set them again`,
        { cause },
      )
    }
  }

  #key(make: boolean): Buffer {
    if (!existsSync(this.#path) && make)
      writePrivateFile(this.#path, `${randomBytes(KEY_BYTES).toString('base64')}\n`)
    if ((statSync(this.#path).mode & 0o077) !== 0)
      throw new AppError(
        'SECRETS_LOST',
        `${SECRETS_FILE} of the data directory can be read by others`,
        {
          hint: `chmod 600 ${SECRETS_FILE} there, and renew the secrets of destinations.`,
        },
      )
    const key = Buffer.from(readFileSync(this.#path, 'utf8').trim(), 'base64')
    if (key.length !== KEY_BYTES)
      throw new AppError('SECRETS_LOST', `${SECRETS_FILE} of the data directory is damaged`, {
        hint: 'Put it back from a copy, or move it away and set the secrets of destinations again.',
      })
    return key
  }
}

export function lastFour(secret: string): string | null {
  return secret.length < SHOWN_FROM ? null : secret.slice(-4)
}
