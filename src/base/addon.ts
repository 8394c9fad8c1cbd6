/**
 * Loads a native addon: from the package for this machine (@tunmeter/addon-…), else from a build in
 * this directory. If one does not load here, for example because of its C library, the next is tried.
 */
import { createRequire } from 'node:module'
import { AppError, messageOf } from './errors.js'
import { systemFault } from './system-fault.js'

const require = createRequire(import.meta.url)
const BUILDS = ['../../build/Release/', '../../build/Debug/']

/** npm installs only the package of this operating system, processor and C library. */
const PACKED = `@tunmeter/addon-${process.platform}-${process.arch}`

/**
 * @param name of the addon's target in binding.gyp
 * @throws AppError ADDON_MISSING, ADDON_BROKEN
 */
export function requireAddon(name: string): unknown {
  let missing: unknown
  let broken: unknown
  for (const path of [`${PACKED}/${name}.node`, ...BUILDS.map((build) => `${build}${name}.node`)]) {
    try {
      return require(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') missing = error
      else broken ??= error
    }
  }
  if (broken !== undefined) {
    throw (
      systemFault(broken) ??
      new AppError('ADDON_BROKEN', `the native addon does not load: ${messageOf(broken)}`, {
        hint: 'Build it again for this Node.js: npm run build in a clone, npm rebuild -g tunmeter otherwise.',
        cause: broken,
      })
    )
  }
  throw new AppError(
    'ADDON_MISSING',
    `there is no native addon: ${PACKED} is not installed, and none was built here`,
    {
      hint: 'Build it: npm run build in a clone; otherwise npm rebuild -g tunmeter --foreground-scripts (needs g++, make, python3 and the headers of libpcap and zlib).',
      cause: missing,
    },
  )
}
