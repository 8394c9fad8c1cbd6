/**
 * Extracts the records of guest.mjs from the console's text. `node save-record.mjs OUTPUT DIRECTORY`
 * writes kernel.netlink, the kernel's datagrams, each after its length (u32, little
 * endian), and kernel.json, the output of `wg show` for the same peers. All keys in it were made
 * for the record and ended with the machine.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [output, directory] = process.argv.slice(2)
const lines = readFileSync(output, 'utf8').replaceAll('\r', '').split('\n')
const behind = (word) =>
  lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1))

const datagrams = behind('netlink-record').map((text) => Buffer.from(text, 'base64'))
const framed = datagrams.flatMap((datagram) => {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(datagram.length)
  return [length, datagram]
})
const peers = behind('netlink-shown').map((line) => {
  const [publicKey, endpoint, allowedIps, handshake, rx, tx] = line.split('\t')
  return {
    publicKey,
    endpoint: endpoint === '(none)' ? null : endpoint,
    allowedIps: allowedIps.split(','),
    lastHandshakeSeconds: Number(handshake) || null,
    rxBytes: Number(rx),
    txBytes: Number(tx),
  }
})
if (datagrams.length === 0 || peers.length === 0) throw new Error(`no record in ${output}`)
writeFileSync(join(directory, 'kernel.netlink'), Buffer.concat(framed))
writeFileSync(
  join(directory, 'kernel.json'),
  `${JSON.stringify({ sequence: 7, peers }, null, 1)}\n`,
)
