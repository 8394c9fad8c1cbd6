/**
 * Runs inside the virtual machine of scripts/kernel-e2e.sh: a site and a client, both with the
 * kernel's WireGuard, and tunmeter's own programs. Plain JavaScript, because it starts Node.js only
 * once and the emulated machine is slow.
 */
import { execFile, execFileSync, spawn } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { promisify } from 'node:util'

const [root] = process.argv.slice(2)
const CLI = `${root}/dist/cli.js`
let passed = 0
let failed = 0
function check(name, ok, facts) {
  if (ok) passed++
  else failed++
  console.log(
    `${ok ? 'ok    ' : 'FAILED'} ${name}${facts === undefined ? '' : ` ${JSON.stringify(facts)}`}`,
  )
}
const run = (file, ...args) =>
  execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
const ip = (line) => run('ip', ...line.split(' '))
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
async function until(what, condition, timeoutMs = 240_000) {
  const end = Date.now() + timeoutMs
  for (;;) {
    const value = await condition()
    if (value) return value
    if (Date.now() > end) throw new Error(`waited for ${what}`)
    await pause(100)
  }
}
function keys() {
  const jwk = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' })
  const base64 = (text) => Buffer.from(text, 'base64url').toString('base64')
  return { private: base64(jwk.d), public: base64(jwk.x) }
}
const [site, client] = [keys(), keys()]
/** Kinds of interfaces without peers. The catalog's addresses name their clients. */
const OTHER_TUNNELS = ['gre', 'ipip']
const counters = () => {
  const [{ stats64 }] = JSON.parse(run('ip', '-j', '-s', 'link', 'show', 'dev', 'wg0'))
  return { rx: stats64.rx, tx: stats64.tx }
}

function makeSite() {
  ip('link add wg0 type wireguard')
  writeFileSync('/run/lab/site.key', site.private, { mode: 0o600 })
  run('wg', 'set', 'wg0', 'private-key', '/run/lab/site.key', 'listen-port', '51820')
  run('wg', 'set', 'wg0', 'peer', client.public, 'allowed-ips', '10.90.0.2/32,fd90::2/128')
  ip('address add 10.90.0.1/24 dev wg0')
  ip('-6 address add fd90::1/64 dev wg0 nodad')
  ip('link set wg0 up')
}

function makeWorld() {
  for (const directory of ['/run/netns', '/run/lab']) mkdirSync(directory, { recursive: true })
  ip('link set lo up')
  ip('netns add client')
  ip('link add eth0 type veth peer name eth0 netns client')
  ip('address add 198.51.100.1/24 dev eth0')
  ip('link set eth0 up')
  ip('-n client address add 198.51.100.2/24 dev eth0')
  ip('-n client link set eth0 up')
  ip('-n client link set lo up')
  // Created in the namespace and not moved there, because a WireGuard device's socket stays in the
  // namespace of its creation.
  ip('-n client link add wgc type wireguard')
  writeFileSync('/run/lab/client.key', client.private, { mode: 0o600 })
  run(
    'ip',
    'netns',
    'exec',
    'client',
    'wg',
    'set',
    'wgc',
    'private-key',
    '/run/lab/client.key',
    'peer',
    site.public,
    'allowed-ips',
    '10.90.0.1/32,fd90::1/128',
    'endpoint',
    '198.51.100.1:51820',
  )
  ip('-n client address add 10.90.0.2/24 dev wgc')
  ip('-n client link set wgc up')
  makeSite()
  for (const [i, kind] of OTHER_TUNNELS.entries()) {
    const local = `local 198.51.100.1 remote 198.51.100.2`
    const remote = `local 198.51.100.2 remote 198.51.100.1`
    ip(`link add ${kind}x type ${kind} ${local}`)
    ip(`address add 10.7.${i}.1/24 dev ${kind}x`)
    ip(`link set ${kind}x up`)
    ip(`-n client link add ${kind}x type ${kind} ${remote}`)
    ip(`-n client address add 10.7.${i}.2/24 dev ${kind}x`)
    ip(`-n client link set ${kind}x up`)
  }
}

/**
 * Prints the kernel's own answer for the unit tests; save-record.mjs makes the files of
 * test/meter/wireguard/recorded from it.
 */
async function recordNetlink() {
  const { default: koffi } = await import(`${root}/node_modules/koffi/index.js`)
  const { readFamily } = await import(`${root}/dist/meter/wireguard/netlink-socket.js`)
  const { buildRequest, parseDatagram, textAttribute } = await import(
    `${root}/dist/meter/wireguard/netlink.js`
  )
  const libc = koffi.load(null)
  const socket = libc.func('int socket(int, int, int)')(16, 3, 16)
  const send = libc.func('long send(int, const void *, size_t, int)')
  const receive = libc.func('long recv(int, _Out_ void *, size_t, int)')
  const family = await readFamily('wireguard')
  const attributes = textAttribute(2, 'wg0')
  const request = buildRequest({
    family,
    command: 0,
    version: 1,
    sequence: 7,
    dump: true,
    attributes,
  })
  send(socket, request, request.length, 0)
  // A small buffer, because the kernel makes messages as large as the reader's buffer and splits
  // peers between them.
  const buffer = Buffer.alloc(4096)
  for (let done = false; !done; ) {
    const length = Number(receive(socket, buffer, buffer.length, 0))
    if (length < 16) throw new Error(`recv: ${length}`)
    console.log(`netlink-record ${buffer.toString('base64', 0, length)}`)
    done = parseDatagram(buffer.subarray(0, length), request.readUInt32LE(8)).done
  }
}

/** A device with few peers, one of which needs several messages. */
function makeRecordedDevice() {
  const ips = Array.from({ length: 200 }, (_, i) => `10.9.${i >> 8}.${i & 255}/32`).join(',')
  const six = Array.from({ length: 40 }, (_, i) => `fd90:9::${i.toString(16)}/128`).join(',')
  const words = []
  for (let i = 0; i < 12; i++) {
    writeFileSync(`/run/lab/record${i}`, randomBytes(32).toString('base64'), { mode: 0o600 })
    words.push('peer', keys().public, 'preshared-key', `/run/lab/record${i}`)
    words.push('endpoint', i % 2 === 0 ? `198.51.100.${i + 1}:${4000 + i}` : `[2001:db8::${i}]:9`)
    words.push('allowed-ips', i === 5 ? `${ips},${six}` : `10.8.${i}.0/24,fd90:8:${i}::/48`)
    if (i % 3 === 0) words.push('persistent-keepalive', '25')
  }
  run('wg', 'set', 'wg0', ...words)
  const [, ...rows] = run('wg', 'show', 'wg0', 'dump').trim().split('\n')
  for (const row of rows) {
    const [publicKey, , endpoint, allowedIps, handshake, rx, tx] = row.split('\t')
    console.log(`netlink-shown ${[publicKey, endpoint, allowedIps, handshake, rx, tx].join('\t')}`)
  }
  return rows.map((row) => row.split('\t')[0])
}

/** Checks enough peers for several netlink messages; the allowed IPs of one peer are split, too. */
function checkPeers() {
  const words = []
  for (let i = 0; i < 60; i++) {
    const psk = `/run/lab/psk${i}`
    writeFileSync(psk, randomBytes(32).toString('base64'), { mode: 0o600 })
    const count = i === 30 ? 900 : 5
    const ips = Array.from({ length: count }, (_, k) => `10.${100 + i}.${k >> 8}.${k & 255}/32`)
    words.push('peer', keys().public, 'preshared-key', psk, 'allowed-ips', ips.join(','))
    words.push('endpoint', `[2001:db8::${i + 1}]:${1000 + i}`)
  }
  run('wg', 'set', 'wg0', ...words)
  const shown = JSON.parse(run('node', CLI, 'peers', '--interface', 'wg0', '--json'))
  const rows = run('wg', 'show', 'wg0', 'dump')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
  const want = new Map(
    rows.map(([key, , endpoint, ips, , rx, tx]) => [
      key,
      {
        endpoint: endpoint === '(none)' ? null : endpoint,
        ips: ips.split(',').sort().join(),
        rx: Number(rx),
        tx: Number(tx),
      },
    ]),
  )
  const got = new Map(
    shown.peers.map((peer) => [
      peer.publicKey,
      {
        endpoint: peer.endpoint,
        ips: [...peer.allowedIps].sort().join(),
        rx: peer.rxBytes,
        tx: peer.txBytes,
      },
    ]),
  )
  const wrong = [...want].filter(
    ([key, row]) => JSON.stringify(got.get(key)) !== JSON.stringify(row),
  )
  check(
    'peers over netlink are those that wg shows',
    shown.kind === 'kernel' && got.size === want.size && wrong.length === 0,
    { peers: got.size, wrong: wrong.length },
  )
  check('the public key of the device', shown.publicKey === site.public)
  check('no private key in the answer', !JSON.stringify(shown).includes(site.private))
  const others = [...want.keys()].filter((key) => key !== client.public)
  run('wg', 'set', 'wg0', ...others.flatMap((key) => ['peer', key, 'remove']))
}

function start(...args) {
  const child = spawn('node', [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      text += data
    })
  const exited = new Promise((resolve) => child.on('exit', resolve))
  return {
    child,
    exited,
    text: () => text,
    says: (what) => until(`"${what}": ${text}`, () => text.includes(what), 120_000),
  }
}

function createKey(scope, ...options) {
  const owner = ['--data', '/run/lab/data', '--scope', scope, '--org', 'lab', '--create-org']
  return run('node', CLI, 'keys', 'create', ...owner, ...options).trim()
}

async function checkMeter() {
  const judged = []
  const server = http.createServer((request, response) =>
    response.end(randomBytes(Number(request.url.slice(1)))),
  )
  server.on('connection', (socket) => {
    const port = socket.remotePort
    socket.on('close', () =>
      judged.push({ port, read: socket.bytesRead, written: socket.bytesWritten }),
    )
  })
  await new Promise((resolve) => server.listen(80, '0.0.0.0', resolve))
  const admin = createKey('admin', '--create-org', '--retention-days', '30')
  const ingest = createKey('ingest', '--site', '1')
  const serve = start('serve', '--data', '/run/lab/data', '--listen', '127.0.0.1:8480')
  await serve.says('"listening"')
  writeFileSync(
    '/run/lab/catalog.json',
    JSON.stringify({
      clients: [
        { clientId: 7, name: 'client', publicKey: client.public },
        ...OTHER_TUNNELS.map((name, i) => ({
          clientId: 20 + i,
          name,
          addresses: [`10.7.${i}.2`],
        })),
      ],
    }),
  )
  const meter = start(
    'meter',
    '--interface',
    'wg0',
    '--interface',
    '*x',
    '--to',
    'http://127.0.0.1:8480',
    '--key',
    ingest,
    '--spool',
    '/run/lab/spool',
    '--catalog',
    '/run/lab/catalog.json',
    '--user',
    'root',
    '--peers-interval',
    '1s',
  )
  await meter.says('"metering"')
  // Not synchronous, because the server is in this process.
  const get = (size, host = '10.90.0.1') =>
    promisify(execFile)('ip', [
      'netns',
      'exec',
      'client',
      'curl',
      '-s',
      '-m',
      '60',
      '-o',
      '/dev/null',
      `http://${host}/${size}`,
    ])
  const before = counters()
  await get(500)
  await get(3_000_000)
  await until('both connections', () => judged.length === 2)
  const after = counters()
  const rows = async () => {
    const answer = await fetch(
      'http://127.0.0.1:8480/api/v1/org/lab/logs/connection?sort=startTime',
      { headers: { authorization: `Bearer ${admin}` } },
    )
    return (await answer.json()).data.log
  }
  const two = await until('two rows', async () => {
    const list = await rows()
    return list.filter((row) => row.endReason === 'endOfFlowDetected').length === 2 && list
  })
  for (const one of judged) {
    const row = two.find((row) => row.sourceAddr.endsWith(`:${one.port}`))
    // On a fast path nothing is retransmitted. On a slow path a segment may be, and then it passes
    // the interface twice.
    check(
      'payload is what the server counted',
      row?.payloadTx >= one.read &&
        row?.payloadRx >= one.written &&
        row?.payloadRx <= one.written * 1.05,
      {
        server: one,
        meter: [row?.payloadTx, row?.payloadRx],
        packets: [row?.packetsTx, row?.packetsRx],
      },
    )
    check(
      'the client and its endpoint',
      row?.clientId === 7 && row?.clientEndpoint.startsWith('198.51.100.2:'),
      {
        clientId: row?.clientId,
        endpoint: row?.clientEndpoint,
        peer: row?.peerPublicKey,
        why: row?.unattributed,
      },
    )
  }
  const large = two.find((row) => row.payloadRx > 1_000_000)
  check(
    'super-packets: more octets in a packet than the MTU holds',
    large.bytesRx / large.packetsRx > 1420,
    { bytesPerPacket: Math.round(large.bytesRx / large.packetsRx) },
  )
  const kernel = {
    rx: after.rx.bytes - before.rx.bytes,
    tx: after.tx.bytes - before.tx.bytes,
    packets: after.rx.packets + after.tx.packets - before.rx.packets - before.tx.packets,
  }
  const metered = {
    tx: two.reduce((n, row) => n + row.bytesRx, 0),
    rx: two.reduce((n, row) => n + row.bytesTx, 0),
  }
  check(
    'the interface counts messages: more octets than the packets have',
    kernel.tx > metered.tx && kernel.rx > metered.rx,
    { kernel, metered },
  )

  for (const [i, kind] of OTHER_TUNNELS.entries()) {
    await get(900, `10.7.${i}.1`)
    const row = await until(`a row over ${kind}`, async () =>
      (await rows()).find((row) => row.destAddr === `10.7.${i}.1:80`),
    )
    const one = judged.find((one) => row.sourceAddr.endsWith(`:${one.port}`))
    check(`${kind}: the client by its address`, row.clientId === 20 + i, {
      meter: [row.payloadTx, row.payloadRx],
      server: one,
    })
  }

  ip('link delete wg0')
  await meter.says('the interface is gone')
  makeSite()
  await meter.says('the interface is back')
  await until('the tunnel again', () =>
    get(700).then(
      () => true,
      () => false,
    ),
  )
  const three = await until('a row after the interface was made anew', async () => {
    const list = await rows()
    return list.length > 2 + OTHER_TUNNELS.length && list
  })
  check('deleted and made anew: the meter goes on', three.at(-1).clientId === 7)
  meter.child.kill('SIGTERM')
  check(
    'the meter stops with everything stored',
    (await meter.exited) === 0 && meter.text().includes('everything is stored'),
  )
  const sites = await fetch('http://127.0.0.1:8480/api/v1/org/lab/sites', {
    headers: { authorization: `Bearer ${admin}` },
  })
  const { reconciliation } = (await sites.json()).data.sites[0].meters[0].report
  check(
    "the peer's transfer is explained",
    reconciliation.peersCompared === 1 && reconciliation.peersUnexplained === 0,
    reconciliation,
  )
  serve.child.kill('SIGTERM')
  await serve.exited
  server.close()
}

try {
  console.log(run('uname', '-r').trim())
  makeWorld()
  const recorded = makeRecordedDevice()
  await recordNetlink()
  run(
    'wg',
    'set',
    'wg0',
    ...recorded.filter((key) => key !== client.public).flatMap((key) => ['peer', key, 'remove']),
  )
  checkPeers()
  await checkMeter()
} catch (error) {
  failed++
  console.log(`FAILED ${error.stack}`)
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(0)
