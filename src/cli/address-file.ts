/** The file by which commands on this machine find the running server. */
import { rmSync } from 'node:fs'
import { AppError, messageOf } from '../base/errors.js'
import type { Logger } from '../base/log.js'
import { writePrivateFile } from '../base/private-files.js'

const ADDRESS_RETRY_MS = 10_000
const ADDRESS_LATER =
  'the disk is full: commands on this machine do not find the server until there is room for this file'

/** server.json in the data directory: the running server's address, process and certificate. On a full disk, it is tried again. */
export class AddressFile {
  readonly #path: string
  readonly #log: Logger
  #retry: NodeJS.Timeout | undefined
  #saidFull = false
  #written = false

  constructor(path: string, log: Logger) {
    this.#path = path
    this.#log = log
  }

  /** @throws AppError DATA_UNUSABLE */
  write(url: string, fingerprint: string | undefined): void {
    clearTimeout(this.#retry)
    try {
      writePrivateFile(this.#path, `${JSON.stringify({ url, pid: process.pid, fingerprint })}\n`)
      this.#written = true
    } catch (error) {
      if (!['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? ''))
        throw new AppError('DATA_UNUSABLE', `cannot write ${this.#path}: ${messageOf(error)}`, {
          hint: 'It must be a file that this user may replace.',
          cause: error,
        })
      this.#writeLater(url, fingerprint)
    }
  }

  /** The server runs without the file meanwhile: it answers queries, and a shorter retention makes room. */
  #writeLater(url: string, fingerprint: string | undefined): void {
    // A killed server leaves a file with an address that nothing listens on.
    rmSync(this.#path, { force: true })
    if (!this.#saidFull) this.#log.warn({ file: this.#path }, ADDRESS_LATER)
    this.#saidFull = true
    const again = () => {
      try {
        this.write(url, fingerprint)
      } catch (error) {
        this.#log.error(
          { err: messageOf(error) },
          'commands of this machine do not find the server',
        )
      }
    }
    this.#retry = setTimeout(again, ADDRESS_RETRY_MS).unref()
  }

  remove(): void {
    clearTimeout(this.#retry)
    if (this.#written) rmSync(this.#path, { force: true })
  }
}
