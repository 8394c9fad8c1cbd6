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

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // For two cores: one more works while others wait for a disk, a process or a time limit.
    maxWorkers: 3,
    // Compiled already (test/support/run-here.ts).
    server: { deps: { external: [/\/dist\//] } },
    projects: [
      { extends: true, test: { name: 'shared', include: SHARED, isolate: false } },
      { extends: true, test: { name: 'apart', include: ['test/**/*.test.ts'], exclude: SHARED } },
    ],
  },
})
