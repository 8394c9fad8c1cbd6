/** Real captures: the twin's reader and tshark (through the truth files of the corpus) see the same packets. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { dumpFiles, STATUS, sourceDumpTool, twinLines } from '../../support/source-dump.js'

const CORPUS =
  process.env.TUNMETER_CORPUS ?? new URL('../../../../shared/corpus', import.meta.url).pathname
const FIXTURES = new URL('../../../fixtures', import.meta.url).pathname

beforeAll(async () => {
  await sourceDumpTool()
}, 240_000)

describe('real captures', () => {
  const captures = (directories: string[]) =>
    directories.flatMap((one) =>
      existsSync(one)
        ? readdirSync(one, { recursive: true, encoding: 'utf8' })
            .filter((name) => /\.(pcap|pcapng)(\.gz)?$/.test(name))
            .map((name) => join(one, name))
        : [],
    )

  test('fixtures: packet by packet what the twin reads', async () => {
    const paths = captures([FIXTURES])
    expect(paths.length).toBeGreaterThan(0)
    for (const [i, dump] of (await dumpFiles(paths)).entries()) {
      expect(dump, paths[i]).toMatchObject({
        packets: twinLines(paths[i]!).packets,
        status: STATUS.end,
      })
      expect(dump.packets.length).toBeGreaterThan(0)
    }
  })

  // Not in the repository: where it is absent there is nothing to skip.
  const testCorpus = existsSync(CORPUS) ? test : () => {}
  testCorpus('corpus: what the twin reads, and the times and lengths that tshark saw', async () => {
    const paths = captures([join(CORPUS, 'pcaps')])
    expect(paths.length).toBeGreaterThan(50)
    let compared = 0
    for (const [i, dump] of (await dumpFiles(paths)).entries()) {
      const twin = twinLines(paths[i]!)
      expect(dump, paths[i]).toMatchObject({ packets: twin.packets })
      expect(dump.status === STATUS.end, paths[i]).toBe(!twin.damaged)
      compared += compareWithTruth(paths[i]!, dump.packets)
    }
    expect(compared).toBeGreaterThan(100_000)
  })
})

/** Rows of truth/NAME.pkts.tsv against the packets of the same frame numbers; how many. */
function compareWithTruth(path: string, packets: readonly string[]): number {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const truth = JSON.parse(readFileSync(join(CORPUS, 'truth', `${name}.json`), 'utf8'))
  if (truth.capture.frames_with_out_of_range_subsecond > 0) return 0
  const [header, ...rows] = readFileSync(join(CORPUS, 'truth', `${name}.pkts.tsv`), 'utf8')
    .trim()
    .split('\n')
  const column = (title: string) => header!.split('\t').indexOf(title)
  const [frame, time, length] = [column('frame'), column('time'), column('frame_len')]
  for (const row of rows) {
    const cells = row.split('\t')
    const [ns, , , wire] = packets[Number(cells[frame]) - 1]!.split(' ')
    if (ns !== '-')
      expect(`${name} ${cells[frame]} ${BigInt(cells[time]!.replace('.', ''))}`).toBe(
        `${name} ${cells[frame]} ${ns}`,
      )
    expect(wire, `${name} ${cells[frame]}`).toBe(cells[length])
  }
  return rows.length
}
