/** `tunmeter verify`: checks that an exported file is the one that its manifest describes. Needs no server. */
import { AppError, EXIT } from '../base/errors.js'
import type { Manifest } from '../session/manifest.js'
import { defineCommand } from './command.js'
import { hashOf, readManifest } from './manifest.js'

export const verifyCommand = defineCommand({
  name: 'verify',
  arguments: '<file>',
  summary: 'Check an exported file against its manifest, without a server.',
  options: {},
  details: `The manifest is beside the file (FILE.manifest.json), or its last line (export --manifest-line). Exit code 0: the file is the one that was exported; 1: it is not.
  tunmeter verify week.csv`,
  run: async ([file], _options, context) => {
    const { manifest, end } = readManifest(file!)
    const { bytes, sha256 } = await hashOf(file!, end)
    if (sha256 !== manifest.sha256) {
      const size =
        bytes === manifest.bytes ? 'the same size' : `${bytes} bytes instead of ${manifest.bytes}`
      throw new AppError(
        'FILE_CHANGED',
        `${file} is not the exported file: ${size}, another SHA-256`,
        {
          hint: 'Export it again, or take the copy that belongs to this manifest.',
        },
      )
    }
    context.stdout.write(`${summaryOf(manifest).join('\n')}\n`)
    return EXIT.ok
  },
})

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
