/** Capture files as an iterator of sessions. */
import { AppError } from '../base/errors.js'
import { Attributor } from '../meter/attribution/attributor.js'
import { loadCatalog } from '../meter/attribution/catalog-file.js'
import { Collector } from '../meter/attribution/collector.js'
import { withExcluded } from '../meter/capture/counters.js'
import { FlowMeter, type FlowMeterCounters } from '../meter/capture/flow-meter.js'
import { inOrderOfTime } from '../meter/replay/capture-files.js'
import { loadPeers } from '../meter/replay/peers-file.js'
import {
  type IdentityOptions,
  type Owners,
  quickIdentity,
} from '../meter/replay/replay-identity.js'
import { BATCH_SESSIONS_MAX } from '../session/batch.js'
import { CatalogNames, NO_NAMES } from '../session/names.js'
import type { Session } from '../session/session.js'
import { type LoggedSession, logged } from './session-stream.js'
import { engineOf, refuseUnknown, type Settings } from './settings.js'

export interface ReplaySettings extends Settings {
  /**
   * WireGuard peers at the time of the capture: path of a file that `tunmeter peers --json` wrote.
   */
  readonly peers?: string
}

export interface Replay extends AsyncIterable<LoggedSession> {
  /** Packets, bytes, sessions, and all other traffic by reason, so far. */
  counters(): FlowMeterCounters
}

/**
 * The sessions of capture files (pcap, pcapng, also gzip'd; `-` for standard input). The files are
 * read as one capture, in the order of their first packets, and sessions have the same ids as in
 * `tunmeter replay`. Iterate once; leaving the loop stops reading. If a file is damaged or missing,
 * its sessions up to there and the other files follow, and the iteration ends with its error.
 * @throws AppError for a wrong setting, catalog or peers file, for a pipe among several files, and
 * without a native addon
 */
export function replay(files: string | readonly string[], settings: ReplaySettings = {}): Replay {
  refuseUnknown(settings, ['peers'])
  const paths = inOrderOfTime(typeof files === 'string' ? [files] : files)
  const attributor = new Attributor()
  const owners: { -readonly [K in keyof Owners]: Owners[K] } = {}
  if (settings.peers !== undefined) {
    const device = loadPeers(settings.peers)
    attributor.peersChanged({ device })
    owners.peers = device.peers
  }
  const catalog = settings.catalog === undefined ? undefined : loadCatalog(settings.catalog)
  if (catalog !== undefined) {
    attributor.catalogChanged(catalog)
    owners.catalog = catalog
  }
  const names = catalog === undefined ? null : new CatalogNames(catalog)
  const engine = engineOf(settings)
  const meter = new FlowMeter({ source: { kind: 'file', paths }, ...engine, earlyReport: false })
  const inside = attributor.insidePrefixes()
  if (inside.length > 0) meter.setInside([...inside])
  const { prefix } = quickIdentity(paths, identityOptions(engine), owners)

  const kept: Session[] = []
  const collector = new Collector({
    prefix,
    emit: (session) => kept.push(session),
    earlyReport: false,
  })

  async function* sessions(): AsyncGenerator<LoggedSession> {
    const drained = () => kept.splice(0).map((one) => logged(one, names?.of(one) ?? NO_NAMES))
    for await (const batch of meter.records()) {
      for (const record of batch) {
        const owner = attributor.attribute(record)
        collector.take(record, owner, attributor.collected(record, owner))
        yield* drained()
      }
    }
    collector.flush()
    yield* drained()
    const [fault] = meter.counters().errors
    if (fault !== undefined)
      throw new AppError(fault.code, inFile(paths[fault.file], fault.message))
  }
  return {
    [Symbol.asyncIterator]: sessions,
    counters: () => withExcluded(meter.counters(), collector.excluded),
  }
}

function inFile(path = '', message: string): string {
  return message.includes(path) ? message : `${path}: ${message}`
}

/** The options that distinguish two replays of one file, as in the command. */
function identityOptions(engine: ReturnType<typeof engineOf>): IdentityOptions {
  const { timeouts, lingerMs, flowsMax, activeTimeoutMs } = engine
  return {
    tcpHandshakeTimeout: timeouts.handshakeMs,
    tcpTimeout: timeouts.establishedMs,
    tcpHalfClosedTimeout: timeouts.halfClosedMs,
    udpTimeout: timeouts.udpMs,
    linger: lingerMs,
    flowsMax,
    interim: activeTimeoutMs > 0,
    activeTimeout: activeTimeoutMs,
    consolidate: false,
    batchSessions: BATCH_SESSIONS_MAX,
  }
}
