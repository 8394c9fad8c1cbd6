/** `tunmeter replay FILE…`: the meter's left half over capture files; prints sessions or delivers them. */

import { badOptions } from '../base/config.js'
import { AppError, EXIT } from '../base/errors.js'
import { fileFault, isSameFile } from '../meter/replay/capture-files.js'
import { REPLAY_OPTIONS, type ReplayOptions } from '../meter/replay/replay-options.js'
import { Replay } from '../meter/replay/replay-run.js'
import { refuseIdle } from '../meter/ship/server-flags.js'
import { defineCommand } from './command.js'

export const command = defineCommand({
  name: 'replay',
  arguments: '<file...>',
  summary: 'Read capture files (pcap, pcapng, also gzip’d; - for standard input) as sessions.',
  details: `Examples:
  tunmeter replay site.pcap
  tunmeter replay --format csv --catalog catalog.yaml --output site.csv monday.pcap.gz tuesday.pcap
  tcpdump -i wg0 -s 96 -w - | tunmeter replay -
  tunmeter replay --to http://127.0.0.1:8480 --key-file site.key site.pcap

Files are read one after the other as one capture. A damaged file gives its sessions up to there, a
message with the byte offset, and exit code 1; so does one that is missing, and the others are read.
Delivered twice with the same options, a file is stored once; a pipe or FIFO cannot be told again.
With --to, --catalog and --peers say whose a session is (ids); names are shown by the server's own
catalog: tunmeter catalog push.`,
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
    return new Replay(files, options, context).run()
  },
})

/** The engine names a file that cannot be read, and reads the others; when none can, nothing is begun. */
function checkFiles(files: readonly string[]): void {
  const faults = files.map(fileFault)
  if (faults.includes(null)) return
  throw new AppError('FILE_UNREADABLE', faults.join('\n'), { exitCode: EXIT.failed })
}

/** Opening the output empties it: it must be none of the files that are read, by whatever name. */
function checkOutput(files: readonly string[], options: ReplayOptions): void {
  const { output, catalog, peers } = options
  if (output === undefined) return
  const read = [...files, catalog, peers].filter((file) => file !== undefined && file !== '-')
  const same = read.find((file) => isSameFile(file!, output))
  if (same === undefined) return
  throw badOptions([
    `--output ${output} is ${same === output ? 'a file' : `the file ${same}`} that is read, and would be emptied: name another file`,
  ])
}
