/** The commands by name. */
import type { AnyCommand } from './command.js'

/** Loaded on use: a command must not pay for the others' libraries. */
export const COMMANDS: Readonly<
  Record<string, { summary: string; load: () => Promise<AnyCommand> }>
> = {
  demo: {
    summary: 'Show it all: a server, a replayed tunnel, its sessions, the dashboard.',
    load: async () => (await import('./demo.js')).command,
  },
  meter: {
    summary: 'Meter a tunnel interface and deliver its sessions to a server.',
    load: async () => (await import('./meter.js')).command,
  },
  doctor: {
    summary: 'Check everything a meter needs.',
    load: async () => (await import('./doctor.js')).command,
  },
  peers: {
    summary: 'Show the peers of a WireGuard interface.',
    load: async () => (await import('./peers.js')).command,
  },
  replay: {
    summary: 'Read capture files as sessions: print them, or deliver them to a server.',
    load: async () => (await import('./replay.js')).command,
  },
  spool: {
    summary: 'Look into a meter’s spool; resend or drop what the server refused.',
    load: async () => (await import('./spool.js')).command,
  },
  serve: {
    summary: 'Run the server: stores sessions, answers queries, shows the dashboard.',
    load: async () => (await import('./serve.js')).serveCommand,
  },
  keys: {
    summary: 'Create, list and revoke keys of a server.',
    load: async () => (await import('./keys.js')).keysCommand,
  },
  completeness: {
    summary: 'Say whether anything is missing in a range of time, and what.',
    load: async () => (await import('./completeness.js')).completenessCommand,
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
    summary: 'Show, replace or import names of clients, users, sites and resources.',
    load: async () => (await import('./catalog.js')).catalogCommand,
  },
  backup: {
    summary: 'Copy a data directory consistently.',
    load: async () => (await import('./backup.js')).backupCommand,
  },
}
