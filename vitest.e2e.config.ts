/** Real tunnels, end to end: needs root, wireguard-go and the built program. `npm run test:e2e`. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/e2e/**/*.e2e.ts'],
    testTimeout: 240_000,
    hookTimeout: 120_000,
    // One laboratory at a time: they share two cores and the directory of WireGuard's sockets.
    maxWorkers: 1,
    fileParallelism: false,
    // Of one laboratory: they wait most of the time.
    maxConcurrency: 5,
  },
})
