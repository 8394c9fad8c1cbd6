/** Structured logs of the daemons (pino): one JSON object a line on standard error. Secrets never go in. */
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

/** Synchronous: the last line before an exit is the one that matters. */
function standardError() {
  return pino.destination({ dest: 2, sync: true })
}

/** Whether standard error goes to systemd's journal: it names the file that it made for it. */
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

/** pino's level as syslog's priority, in the form that the journal takes off a line (sd-daemon(3)). */
export function journalPriority(level: number): string {
  return `<${level >= 60 ? 2 : level >= 50 ? 3 : level >= 40 ? 4 : level >= 30 ? 6 : 7}>`
}

/** So that `journalctl -p warning` finds warnings. */
function journalStream() {
  const out = standardError()
  return {
    [Symbol.for('pino.metadata')]: true,
    /** Of the line that comes next; pino sets it. */
    lastLevel: 30,
    write(line: string): void {
      out.write(`${journalPriority(this.lastLevel)}${line}`)
    },
  }
}
