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
 * Files of more than about three seconds each: they start programs, kill them, or fill stores. They are `npm run
 * test:long`, so that `npm test` is short enough to be run before every commit. test/architecture.test.ts looks that each
 * exists.
 */
export const LONG = Object.entries({
  cli: `
    cli community-id connected demo export-ipfix log meter meter-output meter-user newt-log replay-inputs
    replay-order replay-pipe replay-server retention server-commands server-tls several-destinations
    several-servers store user-mistakes
  `,
  fuzz: 'crashes',
  library: 'library',
  'meter/capture': 'source-live source-real worker',
  'meter/spool': 'spool',
  native: 'engine flow-hash observation-point',
  packaging: 'units',
  release: 'command-line deb editions',
  scripts: 'vitest-report',
  'server/alerts': 'alerts several',
  'server/control': 'contract/audit contract/control contract/documents',
  'server/destinations': `
    at-least-once broken-tls changes clock-set-back destinations refusals
  `,
  'server/http': `
    alerts audit completeness-full destination-kinds destinations docs exports faults full-disk
    isolation large-counts maintenance one-answer pangolin peers removal server sessions
    settings site-completeness site-metrics subject subject-in-flight views watched-metrics
  `,
  'server/ingest': 'newt refused',
  'server/query': `
    completeness completeness-claims completeness-edges completeness-order completeness-sites
    completeness-random completeness-two-meters pages
  `,
  'server/store': `
    applier backup busy-kills chunks clickhouse-faults clickhouse-kills clickhouse-store
    conflicts contract/catalogs contract/history contract/operations contract/persons csv
    erasure exports exports-beside known-ids limits lives log-kills matrix meters migrations
    names peer peers postgres/arrivals postgres/control postgres/ledger postgres/peer-log rollup sums terms
    two-engines writer
  `,
}).flatMap(([folder, names]) =>
  names
    .trim()
    .split(/\s+/)
    .map((name) => `test/${folder}/${name}.test.ts`),
)

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
