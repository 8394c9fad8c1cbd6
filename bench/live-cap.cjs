// The obvious design in Node: cap delivers each packet to JavaScript, and a Map has the flows. The
// baseline of bench/live.ts.
const { Cap, decoders } = require('cap')

const capture = new Cap()
const buffer = Buffer.alloc(65_535)
const flows = new Map()
let packets = 0
const link = capture.open(process.argv[2], '', 10 * 1024 * 1024, buffer)
if (link !== 'RAW') throw new Error(`unexpected link type ${link}`)
capture.on('packet', () => {
  const { info, offset } = decoders.IPV4(buffer, 0)
  const { info: udp } = decoders.UDP(buffer, offset)
  const key = `${info.srcaddr}:${udp.srcport}>${info.dstaddr}:${udp.dstport}`
  const flow = flows.get(key)
  if (flow === undefined) flows.set(key, { packets: 1, bytes: info.totallen })
  else {
    flow.packets += 1
    flow.bytes += info.totallen
  }
  packets += 1
})
process.on('SIGINT', () => {
  process.stdout.write(`${JSON.stringify({ packets, flows: flows.size })}\n`)
  process.exit(0)
})
