/** `tunmeter verify`: checks that an exported file is the one that its manifest describes. Needs no server. */
import { AppError, EXIT } from '../base/errors.js'
import type { Manifest } from '../session/manifest.js'
import { defineCommand } from './command.js'
import type { FileFacts } from './file-facts.js'
import { factsOf, fileChanged, readManifest } from './manifest.js'

export const verifyCommand = defineCommand({
  name: 'verify',
  arguments: '<file>',
  summary: 'Check an exported file against its manifest, without a server.',
  options: {},
  details: `The manifest is beside the file (FILE.manifest.json), or its last line (export --manifest-line). Exit code 0: the file is the one that was exported; 1: it is not.
  tunmeter verify week.csv`,
  run: async ([file], _options, context) => {
    const { manifest, end } = readManifest(file!)
    const facts = await factsOf(file!, end, manifest.format)
    if (facts.sha256 !== manifest.sha256) {
      const size =
        facts.bytes === manifest.bytes
          ? 'the same size'
          : `${facts.bytes} bytes instead of ${manifest.bytes}`
      throw fileChanged(file!, `${size}, another SHA-256`)
    }
    const wrong = refuted(manifest, facts)
    if (wrong.length > 0)
      throw new AppError(
        'MANIFEST_WRONG',
        `the manifest of ${file} was changed: it says ${wrong.join(', and ')}`,
        { hint: 'Take the manifest that was made with the file, or export it again.' },
      )
    context.stdout.write(`${summaryOf(manifest).join('\n')}\n`)
    return EXIT.ok
  },
})

/** What the manifest says otherwise than the file, whose hash it has. */
function refuted(manifest: Manifest, facts: FileFacts): string[] {
  const wrong: string[] = []
  if (manifest.bytes !== facts.bytes)
    wrong.push(`${manifest.bytes} bytes, and the file has ${facts.bytes}`)
  if (manifest.rows !== facts.rows)
    wrong.push(
      `${manifest.rows ?? 'no number of'} rows, and the file has ${facts.rows ?? 'none to count'}`,
    )
  if (JSON.stringify(manifest.columns) !== JSON.stringify(facts.columns))
    wrong.push(`the columns ${shown(manifest.columns)}, and the file has ${shown(facts.columns)}`)
  return wrong
}

function shown(columns: readonly string[] | null): string {
  return columns === null ? 'of no table' : columns.join(',')
}

function summaryOf(manifest: Manifest): string[] {
  const { org, range, rows, bytes, sha256, askedAt, askedBy, server, completeness, filters } =
    manifest
  const span = range === null ? 'any time' : `${range.from} to ${range.to}`
  return [
    `unchanged: ${rows === null ? '' : `${rows} ${rows === 1 ? 'session' : 'sessions'}, `}${bytes} bytes, SHA-256 ${sha256}`,
    `sessions of ${org}, ${span}${filters.length > 0 ? `, filters ${filters.join(' ')}` : ''}`,
    `exported ${askedAt} with the key "${askedBy.name}" (${askedBy.keyId}) from ${server.url ?? 'a server'} (tunmeter ${server.version})`,
    completeness === null
      ? 'completeness: not asked for'
      : `completeness: ${completeness.sentence}`,
  ]
}
