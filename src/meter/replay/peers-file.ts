/** Reads `--peers FILE`: the peers of an interface at the time of a capture. */
import { z } from 'zod'
import { readTextFile } from '../../base/bounded-file.js'
import { AppError, EXIT, messageOf } from '../../base/errors.js'
import { parseWith } from '../../base/faults.js'
import { prefixSchema } from '../../session/catalog.js'
import type { WireGuardDevice } from '../wireguard/device.js'

const BYTES_MAX = 64 * 1024 * 1024

const peersSchema = z.object({
  peers: z.array(
    z.object({
      publicKey: z.string().min(1),
      endpoint: z.string().nullish(),
      allowedIps: z.array(prefixSchema),
    }),
  ),
})

/** Takes the output of `tunmeter peers --json`, or any JSON with the same fields. @throws AppError PEERS_UNREADABLE */
export function loadPeers(path: string): WireGuardDevice {
  try {
    const { data, faults } = parseWith(
      peersSchema,
      jsonOf(readTextFile(path, BYTES_MAX)),
      'the document',
    )
    if (data === undefined) throw new Error(faults[0])
    const { peers } = data
    return {
      interfaceName: path,
      kind: 'kernel',
      publicKey: null,
      listenPort: null,
      peers: peers.map(({ publicKey, endpoint, allowedIps }) => ({
        publicKey,
        endpoint: endpoint ?? null,
        allowedIps,
        lastHandshakeSeconds: null,
        rxBytes: 0,
        txBytes: 0,
      })),
    }
  } catch (error) {
    throw new AppError('PEERS_UNREADABLE', `${path}: ${messageOf(error)}`, {
      hint: 'Expected JSON as tunmeter peers --json prints it.',
      exitCode: EXIT.usage,
      cause: error,
    })
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's message quotes the text, which may hold a key.
    throw new Error('it is not JSON')
  }
}
