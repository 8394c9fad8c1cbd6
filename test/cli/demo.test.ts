import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { run, start } from '../support/process.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

const hasCurl = spawnSync('curl', ['--version']).status === 0

test.skipIf(!hasCurl)(
  'the demo shows named sessions, and its lines work when pasted (needs curl)',
  async () => {
    const demo = start(['demo'])
    await until(() => demo.output.stdout.includes('Ctrl-C') || demo.child.exitCode !== null)
    const { stdout } = demo.output
    expect(demo.output.stderr).toBe('')
    expect(stdout).toMatch(/192 sessions stored/)
    expect(stdout).toMatch(/Anna's MacBook.*Anna Keller.*[kM]B.*[kM]B/)

    const [query, csv] = stdout.match(/curl .*/g)!
    const answer = JSON.parse(execFileSync('sh', ['-c', query!], { encoding: 'utf8' })) as {
      data: { log: { sessionId: string; clientName: string }[]; pagination: { total: number } }
    }
    expect(answer.data.log.length).toBe(3)
    expect(answer.data.log.every((row) => row.clientName !== null)).toBe(true)
    const lines = execFileSync('sh', ['-c', csv!], { encoding: 'utf8' }).trim().split('\r\n')
    expect(lines.length).toBe(1 + 192)
    for (const { sessionId } of answer.data.log) {
      expect(lines.some((line) => line.includes(sessionId))).toBe(true)
    }

    const [, url, key] = /Dashboard +(\S+)\s+sign in with this key: (\S+)/.exec(stdout)!
    const page = await fetch(url!)
    expect([page.status, page.headers.get('content-type')]).toEqual([
      200,
      expect.stringContaining('text/html'),
    ])
    const login = await fetch(`${url}api/v1/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ key }),
    })
    expect(login.status).toBe(200)

    demo.child.kill('SIGINT')
    expect((await demo.finished).code).toBe(0)
    await expect(fetch(url!)).rejects.toThrow()
  },
)

test('--once shows the table, leaves nothing running and says how to keep it up', async () => {
  const temporary = temporaryDirectory()
  const { code, stdout, stderr } = await run(['demo', '--once'], { env: { TMPDIR: temporary } })
  expect([code, stderr, readdirSync(temporary)]).toEqual([0, '', []])
  expect(stdout).toMatch(/Anna's MacBook.*Anna Keller/)
  expect(stdout).not.toMatch(/curl -s|127\.0\.0\.1:\d+\/|tm_(read|admin)_/)
  expect(stdout).toContain('The demo has ended, and its data is deleted')
  expect(stdout).toContain('tunmeter demo --data')
  expect(stdout).toContain('sudo tunmeter meter --interface')
})

test('ended by a signal it leaves no server and no data', async () => {
  const temporary = temporaryDirectory()
  const demo = start(['demo'], { env: { TMPDIR: temporary } })
  await until(() => demo.output.stdout.includes('Ctrl-C'))
  const url = /Dashboard +(\S+)/.exec(demo.output.stdout)![1]!
  expect((await fetch(url)).status).toBe(200)
  demo.child.kill('SIGTERM')
  expect((await demo.finished).code).toBe(0)
  await expect(fetch(url)).rejects.toThrow()
  expect(readdirSync(temporary)).toEqual([])
})

test('without a reader it ends, and leaves nothing', async () => {
  const temporary = temporaryDirectory()
  const { child, finished } = start(['demo'], { env: { TMPDIR: temporary } })
  child.stdout!.destroy()
  expect((await finished).code).toBe(0)
  expect(readdirSync(temporary)).toEqual([])
})

test('a demo that cannot reach its own server, as without loopback, says so', async () => {
  const away = `globalThis.fetch = () => Promise.reject(new TypeError('fetch failed', { cause: new Error('connect ENETUNREACH 127.0.0.1') }))`
  const { code, stderr } = await run(['demo', '--once'], {
    env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(away)}` },
  })
  expect(stderr).toMatch(/cannot reach http:\/\/127\.0\.0\.1:\d+: connect ENETUNREACH/)
  expect(stderr).toMatch(/\n {2}.*ip link set lo up/)
  expect(stderr).not.toMatch(/bug|\n {4}at /)
  expect(code).toBe(1)
})
