/**
 * Builds the dashboard into dist/dashboard for `tunmeter serve`.
 *
 * The server's policy is `default-src 'self'`, so nothing is inlined and nothing comes from elsewhere: no data: fonts
 * (assetsInlineLimit), no preload helper script in the page (modulePreload).
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Compressed copies, but not of fonts, which are compressed. Browsers accept brotli only over https and on localhost. */
const packed: Plugin = {
  name: 'packed',
  closeBundle() {
    const directory = here('../../dist/dashboard')
    for (const file of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      if (!/\.(?:js|css|html|svg)$/.test(file)) continue
      const content = readFileSync(join(directory, file))
      writeFileSync(join(directory, `${file}.br`), brotliCompressSync(content))
      writeFileSync(join(directory, `${file}.gz`), gzipSync(content, { level: 9 }))
    }
  },
}

type ModuleInfo = { importedIds: readonly string[] } | null
type Lookup = { getModuleInfo: (id: string) => ModuleInfo }
let first: Set<string> | undefined

/** All that the first page needs is one file: otherwise each part that it shares with another page is a request. */
function firstPage(id: string, lookup: Lookup): string | null {
  first ??= reached(here('main.tsx'), lookup)
  return first.has(id) && !id.endsWith('.css') ? 'first' : null
}

function reached(id: string, lookup: Lookup, all = new Set<string>()): Set<string> {
  if (all.has(id)) return all
  all.add(id)
  for (const next of lookup.getModuleInfo(id)?.importedIds ?? []) reached(next, lookup, all)
  return all
}

export default defineConfig(({ command }) => ({
  root: here('.'),
  // Built files name each other relatively, because the server may be below a path (`--base-path`). The server makes
  // the document's own paths absolute (src/server/http/dashboard.ts).
  base: command === 'build' ? './' : '/',
  plugins: [packed],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: here('../../dist/dashboard'),
    emptyOutDir: true,
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    rolldownOptions: {
      output: { codeSplitting: { groups: [{ name: firstPage, debugName: 'first' }] } },
    },
  },
  // For development: `vite` beside a running `tunmeter serve`.
  server: { proxy: { '/api': 'http://127.0.0.1:8480' } },
}))
