/** What the meter reports is what the server takes, however many names there are. */
import { expect, test } from 'vitest'
import { meterReport, type ReportInput } from '../../../src/meter/run/report.js'
import { meterReportSchema } from '../../../src/server/ingest/batch.js'

function reportOf(interfaces: readonly string[], places: readonly string[] = []) {
  const spool = { batches: 0, sessions: 0, bytes: 0, quarantined: 0, oldestMs: null }
  const startedAt = '2026-11-22T08:00:00Z'
  const input = { version: '1', interfaces, places, startedAt, counters: [], sessionsDropped: {} }
  return meterReport({ ...input, spool } as unknown as ReportInput)
}

const files = Array.from({ length: 1000 }, (_, i) => `captures/${i}.pcap`)

test.each<[string, string[], RegExp]>([
  ['none', [], /^$/],
  ['two', ['wg0', 'wg1'], /^wg0,wg1$/],
  ['as long as may be', ['a'.repeat(1000), 'b'.repeat(23)], /^a{1000},b{23}$/],
  ['one more', ['a'.repeat(1000), 'b'.repeat(24)], /^a{1000},… and 1 more$/],
  ['1,000 files', files, /^captures\/0\.pcap,captures\/1\.pcap,.*,… and 9\d\d more$/],
  ['a long path', ['a'.repeat(4000)], /^a{1023}…$/],
  ['several long paths', ['a'.repeat(4000), 'b'], /^a+…,… and 1 more$/],
  ['a path of wide characters', [`a${'😀'.repeat(2000)}`], /^a😀{511}…$/u],
])('%s', (_, names, shown) => {
  const report = reportOf(names)
  expect(report.interface).toMatch(shown)
  expect(meterReportSchema.safeParse(report).error).toBeUndefined()
})

test('the others that are counted and the shown ones are all', () => {
  const [, shown, more] = /^(.*),… and (\d+) more$/.exec(reportOf(files).interface)!
  expect(shown!.split(',').length + Number(more)).toBe(1000)
})

test('places are bounded', () => {
  const report = reportOf(['any'], files.map((_, i) => `place ${i}`).concat('one more'))
  expect(meterReportSchema.safeParse(report).error).toBeUndefined()
})
