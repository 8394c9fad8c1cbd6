/** The dashboard in a real browser: `npm run test:dashboard`. Apart from `npm test`, since it needs Chromium. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/dashboard/*.browser.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000, interval: 50 } },
    globalSetup: ['test/dashboard/global-setup.ts'],
    // Files share what they import; what they test is in processes of its own.
    isolate: false,
    maxWorkers: 2,
  },
})
