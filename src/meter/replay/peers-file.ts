/** Reads `--peers FILE`: the peers of an interface at the time of a capture. */
import { z } from 'zod'
import { readTextFile } from '../../base/bounded-file.js'
import { AppError, EXIT, messageOf } from '../../base/errors.js'
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
    const { peers } = peersSchema.parse(JSON.parse(readTextFile(path, BYTES_MAX)))
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
    const [issue] = error instanceof z.ZodError ? error.issues : []
    const problem =
      issue === undefined ? messageOf(error) : `${issue.path.join('.')}: ${issue.message}`
    throw new AppError('PEERS_UNREADABLE', `${path}: ${problem}`, {
      hint: 'Expected JSON as tunmeter peers --json prints it.',
      exitCode: EXIT.usage,
      cause: error,
    })
  }
}
