// Entry of the worker: vitest's own TypeScript loader does not reach into worker threads.
import { tsImport } from 'tsx/esm/api'

await tsImport('./meter-worker.ts', import.meta.url)
