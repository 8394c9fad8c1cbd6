/**
 * Builds the dashboard into dist/dashboard, from where `tunmeter serve` hands it out.
 *
 * Nothing is inlined and nothing is loaded from elsewhere, so that the server's `default-src 'self'` holds: no data:
 * fonts (assetsInlineLimit), no preload helper script in the page (modulePreload).
 */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: here('.'),
  base: '/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: here('../../dist/dashboard'),
    emptyOutDir: true,
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  // For work on the page itself: `vite` beside a running `tunmeter serve`.
  server: { proxy: { '/api': 'http://127.0.0.1:8480' } },
})
