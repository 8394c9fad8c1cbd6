/**
 * Faults of the machine: descriptors, space, memory or rights are missing. If a command has no
 * message of its own, these texts replace a stack trace, because such a fault is no bug.
 */
import { AppError, messageOf } from './errors.js'

interface Fault {
  /** The C library's text, because errors of native libraries have no code. */
  readonly text: string
  readonly hint: string
}

const FAULTS: Readonly<Record<string, Fault>> = {
  EMFILE: {
    text: 'Too many open files',
    hint: 'Raise the limit of open files: ulimit -n, or LimitNOFILE= of the unit.',
  },
  ENFILE: {
    text: 'Too many open files in system',
    hint: 'The limit for all processes together is reached: raise sysctl fs.file-max.',
  },
  ENOSPC: { text: 'No space left on device', hint: 'Make space on that disk.' },
  EDQUOT: { text: 'Disk quota exceeded', hint: 'Make space, or raise the quota.' },
  EROFS: { text: 'Read-only file system', hint: 'Mount it writable, or name another place.' },
  EIO: { text: 'Input/output error', hint: 'The disk is failing: see dmesg.' },
  EACCES: { text: 'Permission denied', hint: 'Give the user that runs tunmeter access to it.' },
  EPERM: {
    text: 'Operation not permitted',
    hint: 'Give the user that runs tunmeter the right to do this.',
  },
  ENOMEM: {
    text: 'Cannot allocate memory',
    hint: 'Give it more memory: MemoryMax= of the unit, the limit of the container, ulimit -v.',
  },
  EAGAIN: {
    text: 'Resource temporarily unavailable',
    hint: 'Processes and threads have a limit: raise TasksMax= of the unit, or ulimit -u.',
  },
  ERR_WORKER_INIT_FAILED: {
    text: 'Worker initialization failure',
    hint: 'Processes and threads have a limit: raise TasksMax= of the unit, or ulimit -u.',
  },
  ERR_WORKER_OUT_OF_MEMORY: {
    text: 'Worker terminated due to reaching memory limit',
    hint: 'Give it more memory: NODE_OPTIONS=--max-old-space-size=MIB.',
  },
}

/** Null for any other error. */
export function systemFault(error: unknown): AppError | null {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    const code = codeOf(inner as NodeJS.ErrnoException)
    if (code === null) continue
    const [line = ''] = messageOf(inner).trim().split('\n')
    return new AppError(code, line, { hint: FAULTS[code]!.hint, cause: error })
  }
  return null
}

function codeOf({ code, message }: NodeJS.ErrnoException): string | null {
  if (code !== undefined && Object.hasOwn(FAULTS, code)) return code
  // The longest text first, because one text begins with another.
  const said = Object.entries(FAULTS).sort(([, a], [, b]) => b.text.length - a.text.length)
  return said.find(([, { text }]) => message.includes(text))?.[0] ?? null
}
