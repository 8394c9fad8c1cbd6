/**
 * The provenance of artefacts: an in-toto Statement (v1) with SLSA provenance (v1), for people and
 * programs that check them.
 */
import { NODE_VERSIONS } from './program.ts'
import { run } from './run.ts'
import { ROOT } from './stage.ts'

export interface Subject {
  readonly name: string
  readonly sha256: string
}

const SOURCE = 'https://github.com/tunmeter/tunmeter'

export function provenance(subjects: readonly Subject[], version: string): object {
  const commit = run('git', ['rev-parse', 'HEAD'], { cwd: ROOT }).trim()
  const compiler = (command: string) => run(command, ['--version']).split('\n')[0]
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: subjects.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: `${SOURCE}/blob/main/scripts/release/release.ts`,
        externalParameters: { version },
        internalParameters: {
          node: process.version,
          nodeInside: NODE_VERSIONS,
          compiler: compiler('g++'),
        },
        resolvedDependencies: [{ uri: `git+${SOURCE}`, digest: { gitCommit: commit } }],
      },
      runDetails: {
        builder: { id: `${SOURCE}/blob/main/scripts/release/release.ts` },
      },
    },
  }
}
