/**
 * Failed operations. Bad traffic is a counted reason and never an error, and bugs are assertions
 * (CONTRIBUTING.md). All other failures are AppErrors, with a stable code for callers that branch
 * on it.
 */

import { printable } from './printable.js'

/** Exit codes of the command line. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const

export interface ErrorOptions {
  /** What to do about it: one sentence, printed on its own line. */
  readonly hint?: string
  /** For the log and for tests: what failed, and where. */
  readonly facts?: Readonly<Record<string, unknown>>
  readonly exitCode?: number
  readonly cause?: unknown
}

export class AppError extends Error {
  readonly code: string
  readonly hint: string | undefined
  readonly facts: Readonly<Record<string, unknown>>
  readonly exitCode: number

  constructor(code: string, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.hint = options.hint
    this.facts = options.facts ?? {}
    this.exitCode = options.exitCode ?? EXIT.failed
  }
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/**
 * Why a request had no answer, in one line. The innermost error names the address and the cause.
 */
export function networkFault(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'no answer in time'
  const { cause, code } = error as { cause?: unknown; code?: unknown }
  const inner = cause instanceof Error && cause.message !== '' ? cause.message : messageOf(error)
  if (/wrong version number|packet length too long|http request/i.test(inner))
    return 'the server does not speak TLS there: is its address http://, not https://?'
  const [line = ''] = inner.trim().split('\n')
  // Some lines contain names from a certificate, which may hold control characters.
  return printable(line === '' ? String(code ?? error) : line)
}
