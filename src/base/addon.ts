/** Loads an addon that binding.gyp makes. */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { AppError, messageOf } from './errors.js'

const BUILDS = ['../../build/Release/', '../../build/Debug/']

/** Throws AppError ADDON_MISSING, ADDON_BROKEN. @param name of its target */
export function requireAddon(name: string): unknown {
  const require = createRequire(import.meta.url)
  const paths = BUILDS.map((build) => `${build}${name}.node`)
  let missing: unknown
  for (const path of paths) {
    try {
      return require(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') {
        throw new AppError('ADDON_BROKEN', `the native addon does not load: ${messageOf(error)}`, {
          hint: 'Build it again for this Node.js: npm run build',
          cause: error,
        })
      }
      missing = error
    }
  }
  const path = fileURLToPath(new URL(paths[0]!, import.meta.url))
  throw new AppError('ADDON_MISSING', `the native addon has not been built: ${path} is missing`, {
    hint: 'Build it: npm run build',
    cause: missing,
  })
}
