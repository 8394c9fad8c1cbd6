/** Test files that end as none should; run by vitest-report.test.ts alone. */
import { defineConfig } from 'vitest/config'

export default defineConfig({ test: { root: import.meta.dirname, include: ['*.bad.ts'] } })
