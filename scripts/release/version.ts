/** Sets the version of a release in the files that name it. */
export type Texts = ReadonlyMap<string, string>

const SEMVER = /^(\d+)\.(\d+)\.(\d+)$/

export function isNewer(version: string, before: string): boolean {
  const [a, b] = [version, before].map((text) => SEMVER.exec(text)?.slice(1).map(Number))
  if (a === undefined || b === undefined) return false
  const at = a.findIndex((part, i) => part !== b[i])
  return at >= 0 && a[at]! > b[at]!
}

/**
 * The changed files. The entries under "Unreleased" in the changelog become the release's.
 * @throws Error if there are no entries, or a file names no version
 */
export function withVersion(files: Texts, before: string, version: string, day: string): Texts {
  const changed = new Map<string, string>()
  for (const [path, text] of files) {
    const next =
      path === 'CHANGELOG.md'
        ? released(text, version, day)
        : path.endsWith('.json')
          ? inManifest(text, before, version)
          : text
              .replaceAll(
                new RegExp(`(tunmeter/(?:meter|server):)${escaped(before)}\\b`, 'g'),
                `$1${version}`,
              )
              .replaceAll(
                new RegExp(`(tunmeter[a-z0-9-]*[-_])${escaped(before)}(?=[_.])`, 'g'),
                `$1${version}`,
              )
    if (next === text) throw new Error(`${path} does not name version ${before}`)
    changed.set(path, next)
  }
  return changed
}

function released(text: string, version: string, day: string): string {
  const [, entries = ''] = /^## Unreleased\n([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(text) ?? []
  if (entries.trim() === '') throw new Error('CHANGELOG.md has nothing under "Unreleased"')
  return text.replace(/^## Unreleased\n/m, `## Unreleased\n\n## ${version} - ${day}\n`)
}

/** The package's own version is first in the file, and in a lock file once more, for the root. */
function inManifest(text: string, before: string, version: string): string {
  const own = new RegExp(`("name": "tunmeter",\\s*"version": )"${escaped(before)}"`, 'g')
  return text.replaceAll(own, `$1"${version}"`)
}

function escaped(version: string): string {
  return version.replaceAll('.', '\\.')
}
