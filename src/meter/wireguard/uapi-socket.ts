/** Asks a userspace WireGuard for its peers, over its Unix socket. */
import { statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { AppError } from '../../base/errors.js'
import type { WireGuardDevice } from './device.js'
import { parseUapi, uapiAnswerEnds } from './uapi.js'

export const UAPI_DIRECTORY = '/var/run/wireguard'
/** The answer for 100,000 peers with several allowed IPs each takes about 40 MiB. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024
const TIMEOUT_MS = 5000
const READ_BYTES = 64 * 1024

export interface UapiOptions {
  readonly directory?: string
  readonly timeoutMs?: number
  readonly answerBytesMax?: number
  readonly signal?: AbortSignal | undefined
}

const OTHERS_WRITE = 0o002

/** True if the interface has a UAPI socket that is root's and not writable for others, as wireguard-go makes it. */
export function uapiSocketIsRoots(interfaceName: string, directory = UAPI_DIRECTORY): boolean {
  const found = statSync(join(directory, `${interfaceName}.sock`), { throwIfNoEntry: false })
  return found?.isSocket() === true && found.uid === 0 && (found.mode & OTHERS_WRITE) === 0
}

/**
 * Null if there is no such socket or no process listens on it: the interface is not a userspace WireGuard.
 * The answer holds private keys, so it passes only through buffers of this function, which overwrites them after use.
 */
export function readUapi(
  interfaceName: string,
  options: UapiOptions = {},
): Promise<WireGuardDevice | null> {
  const { directory = UAPI_DIRECTORY, timeoutMs = TIMEOUT_MS } = options
  const { answerBytesMax = ANSWER_BYTES_MAX } = options
  const path = join(directory, `${interfaceName}.sock`)
  const chunk = Buffer.alloc(READ_BYTES)
  let answer: Buffer = Buffer.alloc(READ_BYTES)
  let length = 0
  return new Promise((resolve, reject) => {
    const socket = connect({
      path,
      onread: {
        buffer: chunk,
        callback: (bytes) => {
          answer = append(answer, length, chunk.subarray(0, bytes))
          length += bytes
          chunk.fill(0, 0, bytes)
          if (length > answerBytesMax)
            socket.destroy(fault(path, `answers more than ${answerBytesMax} bytes`))
          else if (uapiAnswerEnds(answer.subarray(Math.max(0, length - 2), length)))
            socket.destroy()
          return true
        },
      },
    })
    let failure: Error | undefined
    const cut = (): void => void socket.destroy(fault(path, 'was not waited for'))
    options.signal?.addEventListener('abort', cut)
    socket.setTimeout(timeoutMs, () => socket.destroy(fault(path, 'does not answer')))
    socket.on('error', (error) => {
      failure = error
    })
    socket.on('connect', () => socket.write('get=1\n\n'))
    socket.on('close', () => {
      options.signal?.removeEventListener('abort', cut)
      try {
        if (failure !== undefined) resolve(orThrow(path, failure))
        else resolve(parseUapi(interfaceName, answer.subarray(0, length)))
      } catch (error) {
        reject(error)
      } finally {
        answer.fill(0)
      }
    })
  })
}

/** Doubles the buffer if it is full, and overwrites the old one, because it may hold keys. */
function append(answer: Buffer, length: number, chunk: Buffer): Buffer {
  let into = answer
  if (length + chunk.length > answer.length) {
    into = Buffer.alloc(Math.max(answer.length * 2, length + chunk.length))
    answer.copy(into, 0, 0, length)
    answer.fill(0)
  }
  chunk.copy(into, length)
  return into
}

function orThrow(path: string, failure: NodeJS.ErrnoException): null {
  if (failure.code === 'ENOENT' || failure.code === 'ECONNREFUSED') return null
  if (failure.code === 'EACCES' || failure.code === 'EPERM')
    throw new AppError('NO_PERMISSION', `${path}: no permission to read the peers`, {
      hint: 'Run as root, or as the user that owns the socket; the systemd unit with its drop-in userspace.conf (docs/wireguard.md).',
      cause: failure,
    })
  throw failure
}

function fault(path: string, what: string): AppError {
  return new AppError('UAPI_FAILED', `${path} ${what}`, { facts: { path } })
}
