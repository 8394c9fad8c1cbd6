/** IPFIX options of every command that sends IPFIX. */
import { integer, type OptionValues, text } from '../../base/config.js'
import { IpfixExporter } from './exporter.js'
import { ipfixPlace } from './place.js'
import { IpfixStream } from './stream.js'
import { openTransport, readCa } from './transport.js'

export const IPFIX_FLAGS = {
  ipfix: text(
    'Send ended sessions as IPFIX to a collector (HOST:PORT or udp://, tcp://, tls://) or write them to a file',
    'HOST:PORT|FILE',
  ),
  ipfixDomain: integer('Observation domain of --ipfix: tells this site from others', 'N', 1, {
    min: 0,
    max: 2 ** 32 - 1,
  }),
  ipfixCaFile: text('Trust this certificate authority (PEM) for --ipfix tls://', 'FILE'),
} as const

export type IpfixFlags = OptionValues<typeof IPFIX_FLAGS>

/**
 * @param say gets a line for the user while a FIFO has no reader
 * @returns null if --ipfix is absent
 * @throws AppError BAD_OPTIONS, BAD_PEM, OUTPUT_FAILED
 */
export async function openExporter(
  flags: IpfixFlags,
  say: (line: string) => void,
): Promise<IpfixExporter | null> {
  const { ipfix, ipfixCaFile, ipfixDomain } = flags
  if (ipfix === undefined) return null
  const transport = await openTransport(ipfixPlace(ipfix), readCa(ipfixCaFile), say)
  return new IpfixExporter(new IpfixStream(transport, ipfixDomain))
}
