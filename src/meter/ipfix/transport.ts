/** Transports for IPFIX messages: a file (RFC 5655), or a collector over UDP, TCP or TLS. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { AppError, EXIT, messageOf } from '../../base/errors.js'
import { readAuthorities } from '../../base/pem-files.js'
import { fileSink, type Sink } from '../output/sink.js'
import type { CollectorPlace, IpfixPlace } from './place.js'

const CONNECT_MS_MAX = 10_000
/** close() waits at most this long for the collector to close its side. The kernel already has all messages. */
const CLOSE_MS_MAX = 5_000

/** Takes whole messages, one at a time. */
export interface IpfixTransport extends Sink {
  /** Largest message. Over UDP, it must fit into one packet on common networks, because a fragment may be lost. */
  readonly messageBytesMax: number
  /** True if messages can be lost without notice, so that templates must be sent again. */
  readonly isLossy: boolean
}

export function messageBytesMax(kind: IpfixPlace['kind']): number {
  return kind === 'udp' ? 1_400 : 32_768
}

/**
 * @param ca PEM, for TLS
 * @param say gets a line for the user while a FIFO has no reader
 * @throws AppError OUTPUT_FAILED
 */
export async function openTransport(
  place: IpfixPlace,
  ca: string | undefined,
  say: (line: string) => void = () => undefined,
): Promise<IpfixTransport> {
  const facts = { messageBytesMax: messageBytesMax(place.kind), isLossy: place.kind === 'udp' }
  switch (place.kind) {
    case 'file':
      return { ...(await fileSink(place.path, say)), ...facts }
    case 'udp':
      return { ...(await openUdp(place)), ...facts }
    default:
      return { ...(await openStream(place, ca)), ...facts }
  }
}

function failed({ host, port }: CollectorPlace, error: unknown): AppError {
  const isLate = error instanceof Error && error.name === 'AbortError'
  const why = isLate ? `no connection within ${CONNECT_MS_MAX / 1e3} s` : messageOf(error)
  return new AppError('OUTPUT_FAILED', `the collector ${host}:${port}: ${why}`, {
    hint: 'Check that it runs and accepts this transport (udp://, tcp://, tls://).',
    exitCode: EXIT.failed,
    cause: error,
  })
}

async function openUdp(place: CollectorPlace): Promise<Sink> {
  const socket = createSocket(isIP(place.host) === 6 ? 'udp6' : 'udp4')
  // Ignore errors here: UDP only reports an ICMP error from an absent collector, and write() reports its own errors.
  socket.on('error', () => undefined)
  const connected = once(socket, 'connect')
  socket.connect(place.port, place.host)
  await connected.catch((error: unknown) => {
    socket.close()
    throw failed(place, error)
  })
  return {
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

async function openStream(place: CollectorPlace, ca: string | undefined): Promise<Sink> {
  const { host, port } = place
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
  // Discard the collector's bytes: IPFIX has no answers, and unread bytes would fill the connection.
  socket.resume()
  return {
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

/** `--ipfix-ca-file`. @throws AppError BAD_PEM */
export function readCa(path: string | undefined): string | undefined {
  return path === undefined ? undefined : readAuthorities('--ipfix-ca-file', path)
}
