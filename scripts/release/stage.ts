/**
 * Puts the files of an npm package into a folder: the modules that the edition needs, and inside
 * `node_modules` all JavaScript that they need, in the versions of the lock file. Packages with
 * machine code are optional dependencies, so npm chooses the ones for the machine.
 */
import { cpSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { declarationsOf, type Modules, manifest, modulesOf, packageFolders } from './closure.ts'
import { describeCommands } from './commands.ts'
import { completion } from './completion.ts'
import { manPages } from './man.ts'
import { run } from './run.ts'
import { TARGETS, type Target } from './targets.ts'

export const ROOT = join(import.meta.dirname, '../..')

export interface Edition {
  readonly name: string
  readonly description?: string
  /** Commands that cannot work without one of these modules are left out. */
  readonly without: RegExp
  readonly withServer: boolean
  readonly parts: readonly string[]
}

export const EDITIONS = {
  all: {
    name: 'tunmeter',
    without: /$^/,
    withServer: true,
    parts: ['dist/dashboard', 'packaging', 'docs', 'fixtures/demo'],
  },
  meter: {
    name: '@tunmeter/meter',
    description: "tunmeter's meter without its server: for machines that only meter and deliver",
    without: /^\.\/server\//,
    withServer: false,
    parts: ['packaging', 'docs'],
  },
} satisfies Record<string, Edition>

const TEXTS = ['README.md', 'CHANGELOG.md', 'LICENSE']
/** The sources for a machine without a prebuilt addon, and the package that compiles them. */
const SOURCES = ['native', 'binding.gyp']
const COMPILES_WITH = 'node-addon-api'
/**
 * The command, the library, and modules that start as processes, so that no import leads to them.
 */
const ENTRIES = ['cli.js', 'library/index.js', 'meter/spool/verify-child.js']
const TYPES = 'library/index.d.ts'

/**
 * Files that Node does not load: declarations, maps, sources of machine code and prose. Licences
 * stay.
 */
const NOT_LOADED =
  /\/\.[^/]+$|\.(?:html|yml|sh|map|ts|cts|mts|md|cc?|cpp|hh?|hpp|inc|asm|S|gyp|txt)$/
const NOT_LOADED_FOLDERS =
  /node_modules\/(?:(?:@[^/]+\/)?[^/]+\/(?:test|tests|docs|doc|benchmarks|benchmark|examples)|zod\/(?:src|v3|mini|v4-mini|v4\/mini)|koffi\/(?:lib|vendor)|lmdb\/(?:dependencies|src|dict|dist)|yaml\/browser|lru-cache\/dist\/(?:commonjs|esm\/browser|esm\/react-native)|@opentelemetry\/api\/build\/(?:esm|esnext))$/
/**
 * Copies for browsers and other module systems. tunmeter imports ES modules, and CommonJS only if
 * there is nothing else.
 */
const TWINS =
  /node_modules\/(?:zod\/.*\.cjs|(?:msgpackr|ordered-binary|lmdb)\/.*\.min\.js|msgpackr\/dist\/(?!node\.cjs).*)$/
/** Optional packages that are left out; msgpackr then takes a slower path. */
const NEVER_CHOSEN = /^@msgpackr-extract\/|^msgpackr-extract$/

export function addonName(target: Target): string {
  return `@tunmeter/addon-${target.name}`
}

/** Fills `folder`. The checkout must be built (npm run setup). */
export async function stage(edition: Edition, folder: string, targets = TARGETS): Promise<void> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const modules = modulesOf(join(ROOT, 'dist'), ENTRIES, edition.without)
  const built = [...modules.files, ...declarationsOf(join(ROOT, 'dist'), TYPES)]
  const files = [...built.map((file) => `dist/${file}`), ...edition.parts]
  for (const part of [...files, ...TEXTS, ...SOURCES]) {
    cpSync(join(ROOT, part), join(folder, part), { recursive: true, filter: isShipped })
  }
  cpSync(join(ROOT, 'scripts/release/install-addon.mjs'), join(folder, 'install-addon.mjs'))
  const bundled = packageFolders(ROOT, [...modules.packages, COMPILES_WITH]).filter(
    (path) => !path.endsWith(`/node_modules/${COMPILES_WITH}`),
  )
  const chosen: Record<string, string> = {}
  for (const path of bundled) Object.assign(chosen, bundle(path, folder))
  for (const target of targets) chosen[addonName(target)] = manifest(ROOT).version
  const pages = await generate(edition, folder)
  writeManifest(folder, { ...packageJson(edition, modules, chosen), man: pages })
}

/**
 * Writes man pages and completions.
 * @returns the pages' paths
 */
async function generate({ withServer }: Edition, folder: string): Promise<string[]> {
  const commands = await describeCommands(withServer)
  const pages = manPages(commands, manifest(ROOT).version, releaseDate())
  mkdirSync(join(folder, 'man'))
  for (const [name, page] of pages) writeFileSync(join(folder, 'man', name), page)
  mkdirSync(join(folder, 'completions'))
  for (const shell of ['bash', 'zsh', 'fish'] as const)
    writeFileSync(join(folder, 'completions', `tunmeter.${shell}`), completion(shell, commands))
  return [...pages.keys()].map((name) => `man/${name}`)
}

/**
 * The time of the commit (or SOURCE_DATE_EPOCH), so that two builds are equal; without git, that of
 * package.json.
 */
export function releaseSeconds(): number {
  const epoch = process.env.SOURCE_DATE_EPOCH
  if (epoch !== undefined) return Number(epoch)
  return existsSync(join(ROOT, '.git'))
    ? Number(run('git', ['log', '-1', '--format=%ct'], { cwd: ROOT }).trim())
    : Math.trunc(statSync(join(ROOT, 'package.json')).mtimeMs / 1e3)
}

function releaseDate(): string {
  return new Date(releaseSeconds() * 1e3).toISOString().slice(0, 10)
}

/** False for pictures of the docs, maps, decisions and fuzz targets. */
function isShipped(path: string): boolean {
  return !/\.map$|\/docs\/images$|\/docs\/decisions$|\/native\/fuzz$/.test(path)
}

/**
 * Copies a package.
 * @returns its optional packages with machine code for Linux, with their versions
 */
function bundle(path: string, folder: string): Record<string, string> {
  const from = join(ROOT, path)
  cpSync(from, join(folder, path), {
    recursive: true,
    filter: (file) => {
      if (relative(from, file) === 'node_modules') return false
      if (/^licen[cs]e|^notice|^copying/i.test(basename(file)) || path.endsWith(COMPILES_WITH))
        return true
      return ![NOT_LOADED, NOT_LOADED_FOLDERS, TWINS].some((pattern) => pattern.test(file))
    },
  })
  // Their install scripts compile or search for packages that are chosen here. npm would resolve
  // their dependencies again.
  const { optionalDependencies = {}, scripts, devDependencies, ...kept } = manifest(from)
  writeManifest(join(folder, path), kept)
  return Object.fromEntries(
    Object.entries(optionalDependencies).filter(
      ([name]) => name.includes('-linux-') && !NEVER_CHOSEN.test(name),
    ),
  )
}

/**
 * The manifest without fields that only a clone needs. `overrides` work only in a clone, and the
 * bundled versions follow them.
 */
function packageJson(
  edition: Edition,
  modules: Modules,
  optionalDependencies: Readonly<Record<string, string>>,
): object {
  const source = manifest(ROOT)
  const { devDependencies, scripts, files, overrides, dependencies = {}, ...kept } = source
  const direct = [...modules.packages, COMPILES_WITH].sort()
  return {
    ...kept,
    name: edition.name,
    ...(edition.description !== undefined && { description: edition.description }),
    scripts: { install: 'node install-addon.mjs' },
    // Without this, npm runs node-gyp by itself, with or without a prebuilt addon.
    gypfile: false,
    dependencies: Object.fromEntries(direct.map((name) => [name, dependencies[name]])),
    bundleDependencies: direct,
    optionalDependencies,
  }
}

export function writeManifest(folder: string, content: object): void {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(content, null, 2)}\n`)
}
