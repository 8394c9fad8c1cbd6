/**
 * Structured logs of the daemons (pino): one JSON object a line on standard error, without secrets.
 */
import { fstatSync } from 'node:fs'
import { type Logger, pino } from 'pino'

export type { Logger }

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug', 'trace'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export function createLogger(level: LogLevel): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: [
          'key',
          '*.key',
          'authorization',
          '*.authorization',
          'headers.authorization',
          'headers.cookie',
        ],
        censor: '[redacted]',
      },
    },
    isJournal() ? journalStream() : standardError(),
  )
}

/** The bound of lines that wait for room; further lines are dropped. */
const UNWRITTEN_BYTES_MAX = 1024 * 1024

/** Synchronous, because the last line before an exit matters most. */
function standardError() {
  const out = pino.destination({ dest: 2, sync: true, maxLength: UNWRITTEN_BYTES_MAX })
  // A full disk or a closed terminal ends the log, never the program.
  out.on('error', () => undefined)
  return out
}

/** True when standard error goes to systemd's journal, which names its file in JOURNAL_STREAM. */
export function isJournal(env: NodeJS.ProcessEnv = process.env, fd = 2): boolean {
  const named = env.JOURNAL_STREAM
  if (named === undefined) return false
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true })
    return named === `${dev}:${ino}`
  } catch {
    return false
  }
}

/**
 * pino's level as syslog's priority, in the form that the journal strips from a line
 * (sd-daemon(3)).
 */
export function journalPriority(level: number): string {
  return `<${level >= 60 ? 2 : level >= 50 ? 3 : level >= 40 ? 4 : level >= 30 ? 6 : 7}>`
}

/** Prefixes lines with their priority, so that `journalctl -p warning` finds warnings. */
function journalStream() {
  const out = standardError()
  return {
    [Symbol.for('pino.metadata')]: true,
    /** The level of the next line; pino sets it. */
    lastLevel: 30,
    write(line: string): void {
      out.write(`${journalPriority(this.lastLevel)}${line}`)
    },
  }
}
