/** Structured logs of the daemons (pino): one JSON object a line on standard error. Secrets never go in. */
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
    // Synchronous: the last line before an exit is the one that matters.
    pino.destination({ dest: 2, sync: true }),
  )
}
