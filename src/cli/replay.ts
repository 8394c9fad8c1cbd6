/** `tunmeter replay FILE…`: meters capture files, and prints or delivers their sessions. */

import { badOptions } from '../base/config.js'
import { AppError, EXIT } from '../base/errors.js'
import { ipfixPlace } from '../meter/ipfix/place.js'
import { fileFault, inOrderOfTime, isSameFile } from '../meter/replay/capture-files.js'
import { REPLAY_OPTIONS, type ReplayOptions } from '../meter/replay/replay-options.js'
import { Replay } from '../meter/replay/replay-run.js'
import { refuseIdle } from '../meter/ship/server-flags.js'
import { defineCommand } from './command.js'

/** The most files that a message names. */
const NAMED_MAX = 20

export const command = defineCommand({
  name: 'replay',
  arguments: '<file...>',
  summary:
    'Turn capture files (pcap, pcapng, also compressed with gzip; - for standard input) into sessions.',
  details: `Examples:
  tunmeter replay site.pcap
  tunmeter replay --format csv --catalog catalog.yaml --output site.csv monday.pcap.gz tuesday.pcap
  tcpdump -i wg0 -s 96 -U -w - | tunmeter replay -
  tunmeter replay --ipfix tcp://collector.example.org:4739 site.pcap
  tunmeter replay --to http://127.0.0.1:8480 --key-file site.key site.pcap

Several files form one capture: they are read in the order of their first packets, and merged by time where they overlap.
A pipe must be the only input. Of a damaged file all packets before the damage count; the message names the byte
offset, and the exit code is 1. A missing file is reported in the same way, and the others are read.
A pipe or FIFO is read live: a session appears within a second of the packet that shows its end. SIGINT or SIGTERM
ends the input; open sessions end as forcedEnd. A second signal ends the replay at once.
A file that is delivered twice with the same options is stored once. A pipe or FIFO gets new session ids each time.
With --to, --catalog and --peers decide whose a session is, by ids. Unlike a meter, a replay does not ask the server for
its catalog, which may be younger than the capture: tunmeter catalog show >catalog.yaml. The server shows the names of
its own catalog: tunmeter catalog push.`,
  options: REPLAY_OPTIONS,
  async run(files, options, context) {
    checkFiles(files)
    checkOutput(files, options)
    if (options.to === undefined) refuseIdle(options, context.env)
    if (options.interim && options.consolidate) {
      throw badOptions([
        '--interim and --consolidate exclude each other: a merged session has ended',
      ])
    }
    const ordered = inOrderOfTime(files)
    if (ordered.some((file, i) => file !== files[i])) {
      context.stderr.write(
        `tunmeter: read in the order of their first packets: ${listed(ordered)}\n`,
      )
    }
    return new Replay(ordered, options, context).run()
  },
})

function listed(files: readonly string[]): string {
  const more = files.length - NAMED_MAX
  return files.slice(0, NAMED_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

/** Refuses only when no file can be read. Otherwise the engine reports the unreadable ones and reads the others. */
function checkFiles(files: readonly string[]): void {
  const faults = files.map(fileFault)
  if (faults.includes(null)) return
  throw new AppError('FILE_UNREADABLE', faults.join('\n'), { exitCode: EXIT.failed })
}

/** Opening an output empties it, so it must not be one of the files that are read, whatever its name. */
function checkOutput(files: readonly string[], options: ReplayOptions): void {
  const { output, ipfix, catalog, peers } = options
  const read = [...files, catalog, peers].filter((file) => file !== undefined && file !== '-')
  const place = ipfix === undefined ? null : ipfixPlace(ipfix)
  const written = { output, ipfix: place?.kind === 'file' ? place.path : undefined }
  for (const [option, path] of Object.entries(written)) {
    const same = path === undefined ? undefined : read.find((file) => isSameFile(file!, path))
    if (same === undefined) continue
    throw badOptions([
      `--${option} ${path} is ${same === path ? 'a file' : `the file ${same}`} that is read, and would be emptied: name another file`,
    ])
  }
  if (output !== undefined && output === written.ipfix)
    throw badOptions([`--output and --ipfix would both write ${output}: name another file`])
}
