import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // For two cores: one more works while others wait for a disk, a process or a time limit.
    maxWorkers: 3,
    // Compiled already (test/support/run-here.ts).
    server: { deps: { external: [/\/dist\//] } },
  },
})
