/** Spools for tests: small bounds, batches of a known content. */
import { gzipSync } from 'node:zlib'
import { onTestFinished } from 'vitest'
import { openSpool, type SpoolOptions } from '../../src/meter/spool/open.js'
import type { MakeBatch, Spool } from '../../src/meter/spool/spool.js'
import type { BatchGap } from '../../src/session/batch.js'
import type { PeerEvent } from '../../src/session/peer-event.js'
import type { Session } from '../../src/session/session.js'
import { aReport, aSession } from './sessions.js'
import { temporaryDirectory } from './temporary.js'

export const MiB = 1024 * 1024

export async function aSpool(
  change: Partial<SpoolOptions> = {},
): Promise<{ spool: Spool; directory: string; losses: BatchGap[] }> {
  const directory = change.directory ?? temporaryDirectory()
  const losses: BatchGap[] = []
  const spool = await openSpool({
    directory,
    bytesMax: 16 * MiB,
    quarantineBytesMax: 4 * MiB,
    onLoss: (gap) => losses.push(gap),
    ...change,
  })
  onTestFinished(() => spool.close())
  return { spool, directory, losses }
}

export const REPORT = aReport()

/** A maker of a batch of `count` sessions; `padding` makes its body that much larger (it does not compress). */
export function batchOf(
  count: number,
  meterId = 'm',
  padding = Buffer.alloc(0),
  peerEvents: readonly PeerEvent[] = [],
): MakeBatch {
  return async (number, gaps, life = null) => {
    const sessions: Session[] = Array.from({ length: count }, (_, i) =>
      aSession({ sessionId: `${String(number).padStart(18, '0')}${String(i).padStart(8, '0')}` }),
    )
    const json = JSON.stringify({
      meterId,
      ...life,
      batch: number,
      report: { ...REPORT, padding: padding.toString('base64') },
      gaps,
      ...(peerEvents.length > 0 && { peerEvents }),
      sessions,
    })
    return {
      body: gzipSync(json),
      textBytes: json.length,
      sessions: count,
      peerEvents: peerEvents.length,
      fromUs: sessions[0]?.startTimeUs ?? 0,
      toUs: sessions[0]?.endTimeUs ?? 0,
    }
  }
}
