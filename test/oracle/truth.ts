/** The corpus' truth files, as far as the oracle reads them. Their meaning: README.md of the corpus. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface TruthDirection {
  readonly pkts: number
  readonly ip_bytes: number
  readonly payload_bytes: number
  readonly first_fragments: number
  readonly later_fragments: number
  readonly later_fragment_ip_bytes: number
}

export interface Conversation {
  readonly idx: number
  readonly proto: 'tcp' | 'udp'
  readonly a: { readonly ip: string; readonly port: number }
  readonly b: { readonly ip: string; readonly port: number }
  readonly ab: TruthDirection
  readonly ba: TruthDirection
  readonly exact_pkts: boolean
  readonly exact_bytes: boolean
  readonly exact_times: boolean
  readonly community_id: string | null
}

export interface TruthFragment {
  readonly frame: number
  readonly t: string
  readonly ip_len: number
  readonly conv: number | null
  readonly dir: 'ab' | 'ba' | null
}

export interface ZeekBaseline {
  readonly test: string
  readonly primary?: boolean
  readonly rows: readonly Readonly<Record<string, string>>[]
}

export interface Truth {
  readonly file: string
  readonly capture: {
    readonly frames: number
    readonly tshark_exit: number
    readonly raw_reader_error: string | null
  }
  readonly not_counted: Readonly<Record<string, number>>
  readonly conversations: readonly Conversation[]
  readonly fragments: { readonly unattributed: number; readonly list: readonly TruthFragment[] }
  readonly baselines: { readonly zeek?: readonly ZeekBaseline[] }
}

/** One packet of a conversation, or one later fragment of it. */
export interface TruthPacket {
  readonly frame: number
  /** Microseconds; null: the packet has no time. */
  readonly us: number | null
  readonly conversation: number
  readonly dir: 'ab' | 'ba'
  readonly ipBytes: number
  /** Null: the truth does not say (fragments, malformed headers). */
  readonly payload: number | null
  /** Null: cut off by the snaplen, or no TCP. */
  readonly flags: number | null
  readonly tcpSequence: number | null
  readonly laterFragment: boolean
}

/** `../shared/corpus` beside the repository, or TUNMETER_CORPUS; null where there is none. */
export function corpusDirectory(): string | null {
  const directory =
    process.env.TUNMETER_CORPUS ?? join(import.meta.dirname, '../../../shared/corpus')
  return existsSync(join(directory, 'pcaps')) ? directory : null
}

export function corpusFiles(corpus: string): string[] {
  return readdirSync(join(corpus, 'pcaps')).sort()
}

export function readTruth(corpus: string, file: string): Truth {
  return JSON.parse(readFileSync(join(corpus, 'truth', `${file}.json`), 'utf8'))
}

/** `seconds.fraction` to microseconds, truncated. */
export function microseconds(text: string): number | null {
  if (text === '') return null
  const [seconds = '0', fraction = ''] = text.split('.')
  return Number(seconds) * 1_000_000 + Number(fraction.padEnd(6, '0').slice(0, 6))
}

/** Packets and later fragments of all conversations, in file order. */
export function readTruthPackets(corpus: string, truth: Truth): TruthPacket[] {
  const text = readFileSync(join(corpus, 'truth', `${truth.file}.pkts.tsv`), 'utf8')
  const packets = text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line): TruthPacket => {
      const [frame, time, conv, dir, ipLength, , payload, flags, sequence] = line.split('\t')
      return {
        frame: Number(frame),
        us: microseconds(time!),
        conversation: Number(conv),
        dir: dir as 'ab' | 'ba',
        ipBytes: Number(ipLength),
        payload: payload ? Number(payload) : null,
        flags: flags ? Number(flags) & 0xff : null,
        tcpSequence: sequence ? Number(sequence) : null,
        laterFragment: false,
      }
    })
  const fragments = truth.fragments.list
    .filter(({ conv }) => conv !== null)
    .map(
      (fragment): TruthPacket => ({
        frame: fragment.frame,
        us: microseconds(fragment.t),
        conversation: fragment.conv!,
        dir: fragment.dir!,
        ipBytes: fragment.ip_len,
        payload: null,
        flags: null,
        tcpSequence: null,
        laterFragment: true,
      }),
    )
  return [...packets, ...fragments].sort((a, b) => a.frame - b.frame)
}
