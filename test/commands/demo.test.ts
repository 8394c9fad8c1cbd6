import { execFileSync, spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { start } from '../support/process.js'
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
    expect(stdout).toMatch(/Anna's MacBook.*Anna Keller.*KiB.*KiB/)

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
