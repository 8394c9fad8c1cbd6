/** Sends e-mail by SMTP, through the server that the operator names. */
import { createTransport, type Transporter } from 'nodemailer'
import { AppError, EXIT, messageOf } from '../../base/errors.js'
import { percentDecoded } from '../../base/percent-decoded.js'
import { shown } from '../destinations/outcome.js'

const MS_MAX = 10_000

export interface MailOptions {
  /** smtps://user:password@host:465, or smtp:// with STARTTLS. Only an SMTP server on this machine may lack STARTTLS. */
  readonly url: string
  readonly from: string
}

export interface Mail {
  readonly id: string
  readonly to: readonly string[]
  readonly subject: string
  readonly text: string
}

export class Mailer {
  readonly #transport: Transporter
  readonly #from: string

  /** @throws AppError BAD_SMTP */
  constructor({ url, from }: MailOptions) {
    const at = URL.canParse(url) ? new URL(url) : null
    if (at === null || !['smtp:', 'smtps:'].includes(at.protocol) || at.hostname === '')
      throw badSmtp('--smtp-url: expected an address as in smtps://user:password@mail.example.org')
    const [user, pass] = [percentDecoded(at.username), percentDecoded(at.password)]
    if (user === undefined || pass === undefined)
      throw badSmtp('--smtp-url: write a % of the user or the password as %25')
    if (!/^[^\s@<>]+@[^\s@<>]+$/.test(from))
      throw badSmtp('--mail-from: expected an address as in tunmeter@example.org')
    const { hostname } = at
    const isHere = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
    const secure = at.protocol === 'smtps:'
    this.#from = from
    this.#transport = createTransport({
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(at.port || (secure ? 465 : 587)),
      secure,
      requireTLS: !secure && !isHere,
      ...(user !== '' && { auth: { user, pass } }),
      ...{ connectionTimeout: MS_MAX, greetingTimeout: MS_MAX, socketTimeout: MS_MAX },
      ...{ disableFileAccess: true, disableUrlAccess: true },
    })
  }

  /** @returns why it failed; null: the SMTP server has it */
  async send({ id, to, subject, text }: Mail): Promise<string | null> {
    try {
      await this.#transport.sendMail({
        ...{ from: this.#from, to: [...to], subject, text },
        messageId: `<${id}@tunmeter>`,
        headers: { 'Auto-Submitted': 'auto-generated' },
      })
      return null
    } catch (error) {
      return shown(messageOf(error))
    }
  }

  close(): void {
    this.#transport.close()
  }
}

function badSmtp(message: string): AppError {
  return new AppError('BAD_SMTP', message, { exitCode: EXIT.usage })
}
