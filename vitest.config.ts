import { defineConfig } from 'vitest/config'

/** Folders whose tests change nothing of their process, or put it back: their files share workers and what they import. */
const SHARED = [
  'test/base',
  'test/dashboard',
  'test/meter/{attribution,ipfix,output,replay,run,wireguard}',
  'test/oracle',
  'test/server/{control,ingest,query}',
  'test/session',
].map((folder) => `${folder}/**/*.test.ts`)

/**
 * Files of more than about ten seconds each: they start programs, kill them, or fill stores. They are `npm run
 * test:long`, so that `npm test` is short enough to be run before every commit. test/architecture.test.ts looks that each
 * exists.
 */
export const LONG = Object.entries({
  cli: [
    ...[
      'cli',
      'demo',
      'log',
      'meter',
      'meter-output',
      'newt-log',
      'server-commands',
      'server-tls',
      'store',
    ],
    ...['replay-inputs', 'replay-order', 'replay-pipe', 'replay-server', 'several-servers'],
  ],
  library: ['library'],
  'meter/capture': ['source-live', 'source-real', 'worker'],
  'meter/spool': ['spool'],
  native: ['engine', 'flow-hash', 'observation-point'],
  release: ['command-line', 'editions'],
  scripts: ['vitest-report'],
  'server/control': ['contract/audit', 'contract/control'],
  'server/destinations': ['destinations'],
  'server/http': [
    ...[
      'audit',
      'destination-kinds',
      'destinations',
      'docs',
      'exports',
      'faults',
      'full-disk',
      'isolation',
    ],
    ...['large-counts', 'maintenance', 'one-answer', 'pangolin', 'peers', 'removal', 'server'],
    'subject',
  ],
  'server/query': ['completeness', 'pages'],
  'server/store': [
    ...[
      'contract/catalogs',
      'contract/history',
      'contract/operations',
      'contract/persons',
      'postgres/control',
      'postgres/ledger',
      'postgres/peer-log',
    ],
    ...[
      'applier',
      'backup',
      'clickhouse-store',
      'conflicts',
      'erasure',
      'exports',
      'exports-beside',
      'known-ids',
      'lives',
    ],
    ...[
      'busy-kills',
      'clickhouse-faults',
      'clickhouse-kills',
      'log-kills',
      'meters',
      'migrations',
      'names',
      'peer',
      'peers',
      'rollup',
      'sums',
      'terms',
      'two-engines',
    ],
  ],
}).flatMap(([folder, names]) => names.map((name) => `test/${folder}/${name}.test.ts`))

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // For two cores: one more works while others wait for a disk, a process or a time limit.
    maxWorkers: 3,
    // Compiled already (test/support/run-here.ts).
    server: { deps: { external: [/\/dist\//] } },
    projects: [
      { extends: true, test: { name: 'shared', include: SHARED, exclude: LONG, isolate: false } },
      {
        extends: true,
        test: { name: 'apart', include: ['test/**/*.test.ts'], exclude: [...SHARED, ...LONG] },
      },
      { extends: true, test: { name: 'long', include: LONG } },
    ],
  },
})
