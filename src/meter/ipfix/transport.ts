/** Where IPFIX messages go: a file (RFC 5655), or a collector by UDP, TCP or TLS. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { AppError, EXIT, messageOf } from '../../base/errors.js'
import { fileSink, type Sink } from '../output/sink.js'
import type { IpfixPlace } from './place.js'

const CONNECT_MS_MAX = 10_000
/** A collector that does not end its side is left after this: it has everything. */
const CLOSE_MS_MAX = 5_000

/** Takes whole messages, one at a time. */
export interface IpfixTransport extends Sink {
  /** Largest message: over UDP one that no network on the way takes apart. */
  readonly messageBytesMax: number
  /** Whether what is lost on the way is not noticed, so that templates must be sent again. */
  readonly isLossy: boolean
}

/** @throws AppError OUTPUT_FAILED */
export async function openTransport(
  place: IpfixPlace,
  caFile: string | undefined,
): Promise<IpfixTransport> {
  switch (place.kind) {
    case 'file':
      return { ...fileSink(place.path), messageBytesMax: 32_768, isLossy: false }
    case 'udp':
      return openUdp(place)
    default:
      return openStream(place, caFile)
  }
}

function failed({ host, port }: { host: string; port: number }, error: unknown): AppError {
  const isLate = error instanceof Error && error.name === 'AbortError'
  const why = isLate ? `no connection within ${CONNECT_MS_MAX / 1e3} s` : messageOf(error)
  return new AppError('OUTPUT_FAILED', `the collector ${host}:${port}: ${why}`, {
    hint: 'Is it there, and does it take this way (udp://, tcp://, tls://)?',
    exitCode: EXIT.failed,
    cause: error,
  })
}

async function openUdp(place: { host: string; port: number }): Promise<IpfixTransport> {
  const socket = createSocket(isIP(place.host) === 6 ? 'udp6' : 'udp4')
  // A collector that is not there may say so (ICMP); that is all that UDP knows.
  socket.on('error', () => undefined)
  const connected = once(socket, 'connect')
  socket.connect(place.port, place.host)
  await connected.catch((error: unknown) => {
    socket.close()
    throw failed(place, error)
  })
  return {
    messageBytesMax: 1_400,
    isLossy: true,
    write: (bytes) =>
      new Promise((resolve, reject) => {
        socket.send(bytes, (error) => {
          if (error === null) resolve()
          else reject(failed(place, error))
        })
      }),
    close: () => new Promise((resolve) => void socket.close(() => resolve())),
  }
}

async function openStream(
  place: { kind: 'tcp' | 'tls'; host: string; port: number },
  caFile: string | undefined,
): Promise<IpfixTransport> {
  const { host, port } = place
  const ca = caFile === undefined ? undefined : readCa(caFile)
  const socket: Socket =
    place.kind === 'tcp'
      ? connectTcp({ host, port })
      : connectTls({
          host,
          port,
          ...(isIP(host) === 0 && { servername: host }),
          ...(ca !== undefined && { ca }),
        })
  let fault: unknown = null
  socket.on('error', (error) => {
    fault ??= error
  })
  const ready = once(socket, place.kind === 'tcp' ? 'connect' : 'secureConnect', {
    signal: AbortSignal.timeout(CONNECT_MS_MAX),
  })
  await ready.catch((error: unknown) => {
    socket.destroy()
    throw failed(place, error)
  })
  // What a collector says is nothing to IPFIX; unread it would fill the connection.
  socket.resume()
  return {
    messageBytesMax: 32_768,
    isLossy: false,
    write: (bytes) =>
      new Promise((resolve, reject) => {
        socket.write(bytes, (error) => {
          if (error == null) resolve()
          else reject(failed(place, error))
        })
      }),
    close: async () => {
      if (!socket.destroyed) socket.end()
      const signal = AbortSignal.timeout(CLOSE_MS_MAX)
      if (!socket.closed) await once(socket, 'close', { signal }).catch(() => undefined)
      socket.destroy()
      if (fault !== null) throw failed(place, fault)
    },
  }
}

function readCa(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new AppError('FILE_UNREADABLE', `cannot read ${path}: ${messageOf(error)}`, {
      exitCode: EXIT.usage,
    })
  }
}
