// Runs when npm installs the released package. With a prebuilt addon it does nothing. Otherwise it
// compiles the addon, and if that fails, one sentence names what is missing.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'

const PACKED = `@tunmeter/addon-${process.platform}-${process.arch}`
const NEEDS = 'g++, make, python3 and the headers of libpcap and zlib (libpcap-dev, zlib1g-dev)'

function isPacked() {
  try {
    createRequire(import.meta.url)(`${PACKED}/tunmeter.node`)
    return true
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') {
      process.stderr.write(`tunmeter: ${PACKED} does not load here (${error.message}); compiling\n`)
    }
    return false
  }
}

function compile() {
  const { status, stdout, stderr, error } = spawnSync('node-gyp', ['rebuild'], { encoding: 'utf8' })
  if (status === 0) return true
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}\n`)
  process.stderr.write(
    `tunmeter: there is no prebuilt addon for this machine (${process.platform} ${process.arch}), and it could not be ` +
      `compiled: that needs ${NEEDS}. See docs/install.md.\n`,
  )
  return false
}

if (!isPacked() && !compile()) process.exitCode = 1
