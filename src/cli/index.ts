/** The commands by name. */
import { existsSync } from 'node:fs'
import { AppError } from '../base/errors.js'
import { raiseCapabilities } from '../base/privileges.js'
import type { AnyCommand } from './command.js'

export interface CommandEntry {
  readonly summary: string
  /** It cannot work without the server half, which the package @tunmeter/meter leaves out. */
  readonly needsServer?: true
  /** It reads interfaces or their peers. */
  readonly needsCapabilities?: true
  /** Loads on use, because a command must not wait for the libraries of others. */
  readonly load: () => Promise<AnyCommand>
}

const hasServer = existsSync(new URL('../server', import.meta.url))

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  demo: {
    summary: 'Show a server, a replayed tunnel with its sessions, and the dashboard.',
    needsServer: true,
    load: async () => (await import('./demo.js')).command,
  },
  meter: {
    summary: 'Meter a tunnel interface: deliver its sessions to a server, or write them here.',
    needsCapabilities: true,
    load: async () => (await import('./meter.js')).command,
  },
  doctor: {
    summary: 'Check everything a meter needs.',
    needsCapabilities: true,
    load: async () => (await import('./doctor.js')).command,
  },
  peers: {
    summary: 'Show the peers of a WireGuard interface.',
    needsCapabilities: true,
    load: async () => (await import('./peers.js')).command,
  },
  replay: {
    summary: 'Turn capture files into sessions: print them, or deliver them to a server.',
    load: async () => (await import('./replay.js')).command,
  },
  'newt-log': {
    summary: 'Deliver the sessions of Newt’s log, if Newt has no interface to meter.',
    load: async () => (await import('./newt-log.js')).command,
  },
  spool: {
    summary: 'Inspect a meter’s spool; resend or drop refused batches.',
    load: async () => (await import('./spool.js')).command,
  },
  serve: {
    summary: 'Run the server: store sessions, answer queries, serve the dashboard.',
    needsServer: true,
    load: async () => (await import('./serve.js')).serveCommand,
  },
  store: {
    summary: 'Copy sessions between DuckDB and ClickHouse, and check them.',
    needsServer: true,
    load: async () => (await import('./store.js')).storeCommand,
  },
  keys: {
    summary: 'Create, list, revoke and remove keys of a server.',
    needsServer: true,
    load: async () => (await import('./keys.js')).keysCommand,
  },
  log: {
    summary: 'Show sessions of a server, as they come with --follow.',
    load: async () => (await import('./log.js')).logCommand,
  },
  connected: {
    summary: 'Show which clients were connected when, and from where.',
    load: async () => (await import('./connected.js')).connectedCommand,
  },
  top: {
    summary: 'Show the largest clients, resources or others of a time range.',
    load: async () => (await import('./top.js')).topCommand,
  },
  usage: {
    summary: 'Show totals per month, also of sessions that retention has deleted.',
    load: async () => (await import('./usage.js')).usageCommand,
  },
  completeness: {
    summary: 'Show what is missing in a time range.',
    load: async () => (await import('./completeness.js')).completenessCommand,
  },
  audit: {
    summary: 'Show the audit trail: sign-ins, searches for persons, exports, changes, deletions.',
    load: async () => (await import('./audit.js')).auditCommand,
  },
  subject: {
    summary: 'Export or erase the stored data of a user or client.',
    load: async () => (await import('./subject.js')).subjectCommand,
  },
  retention: {
    summary: 'Show or change how long sessions are kept.',
    load: async () => (await import('./retention.js')).retentionCommand,
  },
  remove: {
    summary: 'Remove sites, meters and organisations that no longer exist.',
    load: async () => (await import('./remove.js')).removeCommand,
  },
  destinations: {
    summary: 'Send stored sessions on to webhooks, Elasticsearch, OTLP, Splunk, syslog or S3.',
    load: async () => (await import('./destinations.js')).destinationsCommand,
  },
  alerts: {
    summary: 'Show alerts on views, and test one.',
    load: async () => (await import('./alerts.js')).alertsCommand,
  },
  export: {
    summary: 'Export connection logs of a server.',
    load: async () => (await import('./export.js')).exportCommand,
  },
  verify: {
    summary: 'Check an exported file against the manifest beside it, without a server.',
    load: async () => (await import('./verify.js')).verifyCommand,
  },
  catalog: {
    summary:
      'Create, check, change, show, replace or import the names of clients, users, sites and resources.',
    load: async () => (await import('./catalog.js')).catalogCommand,
  },
  backup: {
    summary: 'Copy a data directory consistently.',
    needsServer: true,
    load: async () => (await import('./backup.js')).backupCommand,
  },
}

/** The commands that this installation has. */
export function installedCommands(): [string, CommandEntry][] {
  return Object.entries(COMMANDS).filter(([, { needsServer }]) => !needsServer || hasServer)
}

/** @throws AppError NO_SERVER */
export async function loadCommand(name: string, entry: CommandEntry): Promise<AnyCommand> {
  if (entry.needsCapabilities) raiseCapabilities()
  if (!entry.needsServer || hasServer) return entry.load()
  throw new AppError(
    'NO_SERVER',
    `"tunmeter ${name}" needs the server, and the meter is installed here without it`,
    {
      hint: 'Run it where the server is, or install both in place of the meter: docs/install.md, "The meter alone".',
    },
  )
}
