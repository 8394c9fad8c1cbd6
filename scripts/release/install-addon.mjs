// Runs when npm installs the released package. With a prebuilt addon it does nothing. Otherwise it compiles the addon,
// and if that is impossible, one sentence names what is missing.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'

const PACKED = `@tunmeter/addon-${process.platform}-${process.arch}`
const COMPILER = process.env.CXX ?? 'g++'
const HEADERS = { 'the headers of libpcap': 'pcap/pcap.h', 'the headers of zlib': 'zlib.h' }

/** Null when the prebuilt addon loads, else why it does not. */
function whyNotPacked() {
  try {
    createRequire(import.meta.url)(`${PACKED}/tunmeter.node`)
    return null
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') return `${PACKED} does not load here (${error.message})`
    const isGlibc = process.report.getReport().header.glibcVersionRuntime !== undefined
    return isGlibc && ['x64', 'arm64'].includes(process.arch)
      ? `${PACKED}, the prebuilt addon for this machine, is not installed`
      : `there is no prebuilt addon for this machine (${process.platform} ${process.arch}${isGlibc ? '' : ', musl'})`
  }
}

function isCommand(name) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)))
}

/** What compiling needs and this machine lacks. */
function missing() {
  const lacks = [COMPILER, 'make', 'python3'].filter((name) => !isCommand(name.split(' ')[0]))
  if (lacks.includes(COMPILER)) return lacks
  for (const [name, header] of Object.entries(HEADERS)) {
    const { status } = spawnSync(`${COMPILER} -fsyntax-only -x c++ -`, {
      shell: true,
      input: `#include <${header}>\n`,
    })
    if (status !== 0) lacks.push(name)
  }
  return lacks
}

/** Null when it worked, else why it did not. */
function compile() {
  const lacks = missing()
  if (lacks.length > 0) return `lacks ${lacks.join(', ')}`
  const { status, stdout, stderr, error } = spawnSync('node-gyp', ['rebuild'], { encoding: 'utf8' })
  if (status === 0) return null
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}\n`)
  return 'fails at it, as shown above'
}

const reason = whyNotPacked()
const fault = reason === null ? null : compile()
if (fault !== null) {
  process.stderr.write(
    `tunmeter: ${reason}, and this machine cannot compile it, because it ${fault}: install the addon's package beside ` +
      'the program, or g++, make, python3 and the headers of libpcap and zlib (Debian: apt install g++ make python3 ' +
      'libpcap-dev zlib1g-dev), and repeat; see docs/install.md.\n',
  )
  process.exitCode = 1
}
