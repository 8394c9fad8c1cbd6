// Sets up the checkout for `npm start` and `npm test`. Does nothing if nothing changed.
//
//   node scripts/setup.mjs [--force]
//
// Steps: system headers (libpcap, zlib) -> npm packages -> native addon -> TypeScript -> dashboard.
// Each step keeps a hash of its input (.setup-stamp.json), so a second run only reads files. Plain
// JavaScript without packages, because it runs before any is installed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const STAMP_FILE = join(ROOT, '.setup-stamp.json')
const NODE_MIN = [20, 19]

/** The system packages of a build, by package manager. The first manager that exists is used. */
const SYSTEM_PACKAGES = [
  {
    manager: 'apt-get',
    refresh: ['update'],
    install: ['install', '-y', '--no-install-recommends'],
    packages: ['g++', 'make', 'python3', 'libpcap-dev', 'zlib1g-dev'],
  },
  {
    manager: 'dnf',
    install: ['install', '-y'],
    packages: ['gcc-c++', 'make', 'python3', 'libpcap-devel', 'zlib-devel'],
  },
  {
    manager: 'apk',
    install: ['add'],
    packages: ['g++', 'make', 'python3', 'libpcap-dev', 'zlib-dev', 'linux-headers'],
  },
  {
    manager: 'pacman',
    install: ['-S', '--noconfirm', '--needed'],
    packages: ['gcc', 'make', 'python', 'libpcap', 'zlib'],
  },
  {
    manager: 'zypper',
    install: ['install', '-y'],
    packages: ['gcc-c++', 'make', 'python3', 'libpcap-devel', 'zlib-devel'],
  },
]

class SetupError extends Error {}

function say(text) {
  process.stderr.write(`setup: ${text}\n`)
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    ...options,
  })
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`
  return { ok: result.status === 0, output }
}

function mustRun(what, command, args, options) {
  const { ok, output } = run(command, args, options)
  if (ok) return
  const tail = output.split('\n').slice(-40).join('\n')
  throw new SetupError(`${what} failed: ${[command, ...args].join(' ')}\n${tail}`)
}

function has(command) {
  return run('sh', ['-c', `command -v ${command}`]).ok
}

/** Runs the npm that started this script, or the one on the PATH. */
function npm(what, args, env = {}) {
  const options = { env: { ...process.env, ...env } }
  const script = process.env.npm_execpath
  if (script?.endsWith('.js')) mustRun(what, process.execPath, [script, ...args], options)
  else mustRun(what, 'npm', args, options)
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [minMajor, minMinor] = NODE_MIN
  if (major > minMajor || (major === minMajor && minor >= minMinor)) return
  const found = process.versions.node
  throw new SetupError(`Node ${NODE_MIN.join('.')} or newer is needed; this is ${found}.`)
}

function headersCompile() {
  const probe = '#include <pcap.h>\n#include <zlib.h>\nint main() { return 0; }\n'
  const args = ['-E', '-x', 'c++', '-', '-o', '/dev/null']
  return run('c++', args, { input: probe, stdio: ['pipe', 'pipe', 'pipe'] }).ok
}

function ensureSystemPackages() {
  if (has('make') && has('python3') && has('c++') && headersCompile()) return
  const found = SYSTEM_PACKAGES.find(({ manager }) => has(manager))
  if (found === undefined) {
    throw new SetupError(
      'a C++ compiler, make, python3 and the headers of libpcap and zlib are needed, and there is ' +
        'no known package manager to install them with. Install them and run this again.',
    )
  }
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  const install = [found.manager, ...found.install, ...found.packages]
  const byHand = `${sudo.slice(0, 1).concat(install).join(' ')}`
  if (sudo.length > 0 && !(has('sudo') && run('sudo', ['-n', 'true']).ok)) {
    throw new SetupError(
      `system packages are missing and this user may not install them. Run: ${byHand}`,
    )
  }
  // Print the commands before running them, so that the user can stop them.
  const commands = [found.refresh, found.install.concat(found.packages)].filter(Boolean)
  say('a C++ compiler, make, python3 or the headers of libpcap and zlib are missing; running now:')
  for (const args of commands) say(`  ${[...sudo, found.manager, ...args].join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const asRoot = (args) => run([...sudo, ...args][0], [...sudo, ...args].slice(1), { env })
  if (found.refresh !== undefined) asRoot([found.manager, ...found.refresh])
  const { ok, output } = asRoot(install)
  if (ok && headersCompile()) return
  const tail = output.split('\n').slice(-10).join('\n')
  throw new SetupError(`system packages could not be installed. Run: ${byHand}\n${tail}`)
}

function* filesBelow(path, skip) {
  const stat = existsSync(path) ? readdirSync(path, { withFileTypes: true }) : []
  for (const entry of stat.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const child = join(path, entry.name)
    if (skip.some((name) => child === join(ROOT, name))) continue
    if (entry.isDirectory()) yield* filesBelow(child, skip)
    else yield child
  }
}

/** SHA-256 over names and contents of files and of all files below folders. */
function hashOf({ files = [], folders = [], skip = [], salt = '' }) {
  const hash = createHash('sha256').update(salt)
  const all = [...files.map((name) => join(ROOT, name))]
  for (const folder of folders) all.push(...filesBelow(join(ROOT, folder), skip))
  for (const file of all) hash.update(`\0${file.slice(ROOT.length)}\0`).update(readFileSync(file))
  return hash.digest('hex')
}

/** Node's headers are beside the binary in usual installations; node-gyp would download others. */
function nodeHeaders() {
  const dir = resolve(dirname(process.execPath), '..')
  const found = existsSync(join(dir, 'include', 'node', 'node_api.h'))
  return found ? { npm_config_nodedir: dir } : {}
}

const RUNTIME = `${process.version} ${process.arch}`
const STEPS = [
  {
    name: 'packages',
    text: 'installing npm packages',
    hash: () => hashOf({ files: ['package-lock.json'], salt: RUNTIME }),
    made: 'node_modules/typescript',
    // Installs the lock file's versions, without install scripts, because the packages here are
    // prebuilt. Not with `npm ci`, because that refuses a lock file without optional packages of
    // other platforms, and mirrors lack some of them.
    run: () =>
      npm('installing packages', [
        'install',
        '--no-save',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
      ]),
  },
  {
    name: 'native',
    text: 'building the native addon',
    hash: () =>
      hashOf({ files: ['binding.gyp'], folders: ['native'], skip: ['native/fuzz'], salt: RUNTIME }),
    made: 'build/Release/tunmeter.node',
    run: () => {
      ensureSystemPackages()
      const env = { ...nodeHeaders(), JOBS: 'max' }
      npm('building the addon', ['run', '--silent', 'build:native'], env)
    },
  },
  {
    name: 'typescript',
    text: 'compiling TypeScript',
    hash: () =>
      hashOf({
        files: ['tsconfig.json', 'package-lock.json'],
        folders: ['src'],
        skip: ['src/dashboard'],
      }),
    made: 'dist/cli.js',
    run: () => npm('compiling TypeScript', ['run', '--silent', 'build:ts']),
  },
  {
    name: 'dashboard',
    text: 'building the dashboard',
    hash: () => hashOf({ files: ['package-lock.json'], folders: ['src/dashboard'] }),
    made: 'dist/dashboard/index.html',
    run: () => npm('building the dashboard', ['run', '--silent', 'build:dashboard']),
  },
]

function readStamps() {
  try {
    return JSON.parse(readFileSync(STAMP_FILE, 'utf8'))
  } catch {
    return {} // absent or incomplete: run every step again
  }
}

function setUp(force) {
  checkNode()
  const stamps = force ? {} : readStamps()
  for (const step of STEPS) {
    const hash = step.hash()
    if (stamps[step.name] === hash && existsSync(join(ROOT, step.made))) continue
    say(step.text)
    step.run()
    stamps[step.name] = hash
    writeFileSync(STAMP_FILE, JSON.stringify(stamps))
  }
}

try {
  setUp(process.argv.includes('--force'))
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  say(error.message)
  process.exitCode = 1
}
