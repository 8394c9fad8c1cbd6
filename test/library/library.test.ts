/** `import … from 'tunmeter'` as docs/library.md has it: the examples run as they stand there, and their types hold. */
import { execFile, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type LoggedSession, openMeter, replay } from '../../src/library/index.js'
import { FIELDS } from '../../src/session/fields.js'
import { follow, ROOT } from '../support/process.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

const DEMO = `${ROOT}fixtures/demo/`
const CAPTURE = DEMO + readdirSync(DEMO).find((name) => /\.pcap/.test(name))!
const CATALOG = DEMO + readdirSync(DEMO).find((name) => /catalog.*\.(?:ya?ml|json)$/.test(name))!
const run = promisify(execFile)

/** A project that has tunmeter installed, with the examples of the page. */
function project(): { readonly folder: string; readonly examples: readonly string[] } {
  const folder = temporaryDirectory()
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true })
  symlinkSync(ROOT, join(folder, 'node_modules/tunmeter'))
  symlinkSync(`${ROOT}node_modules/@types/node`, join(folder, 'node_modules/@types/node'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  copyFileSync(CATALOG, join(folder, 'catalog.yaml'))
  const page = readFileSync(`${ROOT}docs/library.md`, 'utf8')
  const examples = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code], i) => {
    writeFileSync(join(folder, `example${i}.ts`), code!)
    writeFileSync(join(folder, `example${i}.js`), code!)
    return join(folder, `example${i}.js`)
  })
  return { folder, examples }
}

async function all(sessions: AsyncIterable<LoggedSession>): Promise<LoggedSession[]> {
  const found: LoggedSession[] = []
  for await (const session of sessions) found.push(session)
  return found
}

async function printed(...args: string[]): Promise<LoggedSession[]> {
  const options = { maxBuffer: 1 << 28 }
  const { stdout } = await run(
    process.execPath,
    [`${ROOT}dist/cli.js`, 'replay', '--format', 'ndjson', ...args],
    options,
  )
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LoggedSession)
}

describe('docs/library.md', () => {
  test('its examples compile in a project with strict settings', async () => {
    const { folder } = project()
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
          ...{ target: 'es2023', module: 'nodenext', noEmit: true, skipLibCheck: false },
          types: ['node'],
        },
        include: ['*.ts'],
      }),
    )
    const compiled = await run(`${ROOT}node_modules/.bin/tsc`, ['-p', folder]).catch(
      (error) => error,
    )
    expect(compiled.stdout).toBe('')
  })

  test('its first example sums up a capture as the command does', async () => {
    const { folder, examples } = project()
    const { stdout } = await run(process.execPath, [examples[0]!, CAPTURE], { cwd: folder })
    const sessions = await printed(CAPTURE)
    const bytes = sessions.reduce((sum, { bytesTx, bytesRx }) => sum + bytesTx + bytesRx, 0)
    expect(stdout).toContain(`bytes: ${bytes}`)
    const silent = sessions.filter(({ connState }) => connState === 'S0')
    expect(stdout.match(/had no answer from/g) ?? []).toHaveLength(silent.length)
  })
})

describe('replay', () => {
  test('gives what the command prints, by the same ids', async () => {
    const sessions = await all(replay(CAPTURE, { catalog: CATALOG }))
    expect(sessions).toEqual(await printed('--catalog', CATALOG, CAPTURE))
    expect(Object.keys(sessions[0]!)).toEqual(FIELDS.map(({ name }) => name))
  })

  test('puts files in the order of their first packets, as the command does', async () => {
    const other = `${ROOT}fixtures/wireguard/site.pcap`
    const [forth, back] = [
      [CAPTURE, other],
      [other, CAPTURE],
    ]
    const want = await printed(...forth)
    expect(await all(replay(forth))).toEqual(want)
    expect(await all(replay(back))).toEqual(want)
  })

  test('takes several files as one capture, and gives open sessions when asked', async () => {
    const interim = await all(replay([CAPTURE, CAPTURE], { activeTimeoutMs: 60_000 }))
    expect(interim).toEqual(await printed('--interim', CAPTURE, CAPTURE))
  })

  test('throws at the end of a damaged file, after all that is before the damage and in the next file', async () => {
    const damaged = join(temporaryDirectory(), 'damaged.pcap')
    copyFileSync(CAPTURE, damaged)
    truncateSync(damaged, statSync(CAPTURE).size - 5)
    const found: LoggedSession[] = []
    const reading = (async () => {
      for await (const session of replay([damaged, CAPTURE])) found.push(session)
    })()
    await expect(reading).rejects.toMatchObject({
      code: 'FILE_TRUNCATED',
      message: expect.stringContaining(damaged),
    })
    expect(found.length).toBeGreaterThan(100)
  })

  test('reads no further when the loop is left, and can be iterated once', async () => {
    const capture = replay(CAPTURE)
    for await (const session of capture) {
      expect(session.sessionId).not.toBe('')
      break
    }
    await expect(all(capture)).rejects.toMatchObject({ code: 'METER_USED' })
  })

  test.each([
    [{ timeout: 1 }, /no setting timeout/],
    [{ flowsMax: 0 }, /flowsMax/],
    [{ catalog: '/nowhere.yaml' }, /nowhere/],
  ])('refuses %j', (settings, message) => {
    expect(() => replay(CAPTURE, settings as object)).toThrow(message)
  })
})

describe('openMeter', () => {
  test('says what is wrong with an interface', async () => {
    await expect(openMeter('nowhere0')).rejects.toMatchObject({
      code: expect.stringMatching(/INTERFACE_MISSING|NO_PERMISSION/),
    })
  })
})

describe.skipIf(process.getuid?.() !== 0)('openMeter, as root', () => {
  test('gives the sessions of an interface until it is stopped; the example does', async () => {
    const { folder, examples } = project()
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    onTestFinished(() => void socket.close())
    await new Promise((resolve) => socket.once('listening', resolve))
    const { port } = socket.address()
    const meter = await openMeter('lo', { filter: `udp dst port ${port}` })
    const sessions = all(meter)
    socket.send('hello', port, '127.0.0.1')
    await until(() => meter.counters().packets > 0)
    await meter.stop()
    const [session, ...others] = await sessions
    expect(session).toMatchObject({
      destAddr: `127.0.0.1:${port}`,
      payloadTx: 5,
      endReason: 'forcedEnd',
    })
    expect([others, meter.lost]).toEqual([[], 0])

    const child = spawn(process.execPath, [examples[1]!, 'lo'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const { output, finished } = follow(child)
    // Nobody listens there: each try is a session that has ended.
    await until(async () => {
      const attempt = connect(443, '127.0.0.1')
      await new Promise((resolve) =>
        attempt
          .once('close', resolve)
          .once('error', () => undefined)
          .once('connect', () => attempt.destroy()),
      )
      return output.stdout !== '' || child.exitCode !== null
    })
    child.kill('SIGINT')
    expect((await finished).stderr).toBe('')
    expect(output.stdout).toMatch(/ 127\.0\.0\.1:443 \d+\n(?:.*\n)*lost: 0$/m)
  })
})
