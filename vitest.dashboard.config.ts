/** The dashboard in a real browser: `npm run test:dashboard`. Apart from `npm test`, since it needs Chromium. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/dashboard/*.browser.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
})
