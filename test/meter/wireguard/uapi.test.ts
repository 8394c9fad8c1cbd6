import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { AppError } from '../../../src/base/errors.js'
import { parseUapi } from '../../../src/meter/wireguard/uapi.js'
import { readUapi, uapiSocketIsRoots } from '../../../src/meter/wireguard/uapi-socket.js'

const RECORDED = join(import.meta.dirname, 'recorded/wireguard-go.uapi')
const recorded = () => readFileSync(RECORDED)
const code = (error: unknown) => (error instanceof AppError ? error.code : String(error))

function fault(text: string | Buffer): string {
  try {
    parseUapi('wg0', Buffer.from(text))
    return 'none'
  } catch (error) {
    return code(error)
  }
}

describe('the answer', () => {
  test('as wireguard-go gave it', () => {
    const device = parseUapi('wg0', recorded())
    expect(device).toMatchObject({
      interfaceName: 'wg0',
      kind: 'userspace',
      publicKey: null,
      listenPort: 51820,
    })
    expect(device.peers).toHaveLength(6)
    expect(device.peers[0]).toEqual({
      publicKey: '1Slkik/eOPUZkhtltpvkFO/EEToZmt3/VvICXXZgxjQ=',
      endpoint: '198.51.100.13:37059',
      allowedIps: ['100.90.128.13/32', 'fd90::13/128'],
      lastHandshakeSeconds: 1795390430,
      rxBytes: 10504,
      txBytes: 77548,
    })
  })

  test('keeps no private key: bytes are overwritten, nothing is copied', () => {
    const bytes = recorded()
    expect(bytes.includes('5e'.repeat(32)) && bytes.includes('a7'.repeat(32))).toBe(true)
    const text = JSON.stringify(parseUapi('wg0', bytes))
    expect(bytes.every((byte) => byte === 0)).toBe(true)
    for (const byte of ['5e', 'a7'])
      for (const form of ['hex', 'base64'] as const)
        expect(text).not.toContain(Buffer.from(byte.repeat(32), 'hex').toString(form))
  })

  for (const [name, text, want] of [
    ['an empty device', 'errno=0\n\n', 'none'],
    ['a key of a newer version', `public_key=${'01'.repeat(32)}\nnew_thing=1\nerrno=0\n\n`, 'none'],
    ['an error', 'errno=-5\n\n', 'UAPI_FAILED'],
    ['nothing', '', 'UAPI_BAD_ANSWER'],
    ['no errno', 'listen_port=1\n\n', 'UAPI_BAD_ANSWER'],
    ['a line without an end', 'errno=0', 'UAPI_BAD_ANSWER'],
    ['a line without a value', 'listen_port\nerrno=0\n\n', 'UAPI_BAD_ANSWER'],
    ['a public key that is none', 'public_key=zz\nerrno=0\n\n', 'UAPI_BAD_ANSWER'],
    [
      'a count that is none',
      `public_key=${'01'.repeat(32)}\nrx_bytes=-1\nerrno=0\n\n`,
      'UAPI_BAD_ANSWER',
    ],
  ] as const)
    test(name, () => {
      expect(fault(text)).toBe(want)
    })

  test('any bytes, and any damage to a good answer', () => {
    const good = recorded()
    const damaged = fc
      .tuple(
        fc.nat(good.length),
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 }),
      )
      .map(([length, changes]) => {
        const bytes = Buffer.from(good)
        for (const [at, byte] of changes) bytes[at] = byte
        return bytes.subarray(0, length)
      })
    const any = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(fc.oneof(any, damaged), (bytes) => {
        expect(['none', 'UAPI_BAD_ANSWER', 'UAPI_FAILED']).toContain(fault(bytes))
      }),
      { numRuns: 3000 },
    )
  })
})

describe('the socket', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tunmeter-uapi-'))
  let server: Server | undefined
  afterEach(() => server?.close())
  afterAll(() => rmSync(directory, { recursive: true }))

  async function serve(name: string, answer: (socket: Socket) => void): Promise<void> {
    server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (question) => {
        expect(question.toString()).toBe('get=1\n\n')
        answer(socket)
      })
    })
    await new Promise<void>((resolve) => server!.listen(join(directory, `${name}.sock`), resolve))
  }

  test.skipIf(process.getuid?.() !== 0)(
    "a socket that is root's alone, and ones that are not",
    async () => {
      await serve('roots', () => {})
      chmodSync(join(directory, 'roots.sock'), 0o700)
      expect(uapiSocketIsRoots('roots', directory)).toBe(true)
      chmodSync(join(directory, 'roots.sock'), 0o777)
      expect(uapiSocketIsRoots('roots', directory)).toBe(false)
      writeFileSync(join(directory, 'file.sock'), '', { mode: 0o600 })
      expect(['file', 'none'].map((name) => uapiSocketIsRoots(name, directory))).toEqual([
        false,
        false,
      ])
    },
  )

  test('an answer in pieces that outgrows the buffer', async () => {
    const peer = (i: number) =>
      `public_key=${i.toString(16).padStart(64, '0')}\nallowed_ip=10.0.0.${i % 256}/32\n`
    const text = `private_key=${'5e'.repeat(32)}\n${Array.from({ length: 3000 }, (_, i) => peer(i)).join('')}errno=0\n\n`
    await serve('big', (socket) => {
      for (let at = 0; at < text.length; at += 9973) socket.write(text.slice(at, at + 9973))
    })
    const device = await readUapi('big', { directory })
    expect(device?.peers).toHaveLength(3000)
    expect(device?.peers[2999]?.allowedIps).toEqual(['10.0.0.183/32'])
  })

  test('no socket, and one that nobody serves any more, are no WireGuard', async () => {
    writeFileSync(join(directory, 'left.sock'), '')
    expect(await readUapi('none', { directory })).toBeNull()
    expect(await readUapi('left', { directory })).toBeNull()
  })

  test('a server that closes early', async () => {
    await serve('early', (socket) => socket.end('listen_port=1\n'))
    expect(await readUapi('early', { directory }).catch(code)).toBe('UAPI_BAD_ANSWER')
  })

  test('a server that never answers, and one that never ends', async () => {
    await serve('silent', () => {})
    const silent = readUapi('silent', { directory, timeoutMs: 50 })
    expect(await silent.catch(code)).toBe('UAPI_FAILED')
    server?.close()
    await serve('endless', (socket) => socket.write('x=1\n'.repeat(1000)))
    const endless = readUapi('endless', { directory, answerBytesMax: 1000 })
    expect(await endless.catch(code)).toBe('UAPI_FAILED')
  })
})
