// Summarizes a run of vitest for .ci/run: counts every test, and gives a reason for each that did
// not pass.
//
//   node scripts/vitest-report.mjs REPORT.json LOG EXIT_CODE
//
// In: the report of --reporter=json, and the output of the run. Out, on stdout: the reasons, then
// `PASSED FAILED`. A skipped test counts as failed, because CI installs everything that tests need.
// So does a file that could not be loaded, and a test whose process died: vitest calls such a test
// pending, and its file passed.
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

/** The first lines of a dying process' output; vitest prints them in any place. */
const LAST_WORDS =
  /^(----- Native stack trace|FATAL ERROR|# Fatal error|terminate called|.*: Assertion .* failed|==\d+==ERROR)/
const LAST_WORDS_LINES = 16
const LAST_WORDS_MAX = 5

const HOW = {
  skipped: 'skipped',
  todo: 'skipped',
  disabled: 'skipped',
  pending: 'never ended (the process of its file died)',
}

/**
 * The reasons for tests of a file that did not pass. There is one more when the code around its
 * tests failed.
 */
function reasonsOf({ name, status, message, assertionResults: tests }) {
  const file = relative(process.cwd(), name)
  const reasons = tests
    .filter((test) => test.status !== 'passed')
    .map((test) =>
      test.status === 'failed'
        ? `failed: ${file} > ${test.fullName}\n${test.failureMessages.join('\n')}`
        : `${HOW[test.status] ?? test.status}: ${file} > ${test.fullName}`,
    )
  // The file could not be loaded, or a hook before or after its tests failed.
  const noneFailed = tests.every((test) => test.status !== 'failed')
  if (status === 'failed' && noneFailed) reasons.unshift(`failed: ${file}\n${message}`)
  // vitest fails a file without tests itself, unless the file's process died.
  if (status !== 'failed' && tests.length === 0)
    reasons.push(`never ended: ${file} (its process died before its first test)`)
  return reasons
}

/** Errors that belong to no test, and the last output of processes that died before them. */
function unhandled(lines) {
  const begin = lines.findIndex((line) => /⎯ Unhandled Errors ⎯/.test(line))
  if (begin < 0) return ''
  const length = lines.slice(begin).findIndex((line) => /^ *Test Files /.test(line))
  const before = lines.slice(0, begin)
  const lastWords = before
    .flatMap((line, at) => (LAST_WORDS.test(line) ? [at] : []))
    .slice(-LAST_WORDS_MAX)
    .flatMap((at) => before.slice(at, at + LAST_WORDS_LINES))
  const errors = lines.slice(begin, length < 0 ? undefined : begin + length)
  return [...lastWords, ...errors].filter((line) => line.trim() !== '').join('\n')
}

const [reportFile, logFile, code] = process.argv.slice(2)
const lines = stripVTControlCharacters(readFileSync(logFile, 'utf8')).split('\n')
const reasons = []
let [passed, failed] = [0, 0]
if (existsSync(reportFile)) {
  const files = JSON.parse(readFileSync(reportFile, 'utf8')).testResults
  reasons.push(...files.flatMap(reasonsOf))
  passed = files.flatMap((f) => f.assertionResults).filter((t) => t.status === 'passed').length
  failed = reasons.length
} else {
  const why = code === '124' ? 'it took longer than it may' : 'it ended before its report'
  reasons.push(`no report: ${why} (exit ${code})`)
}
if (code !== '0') {
  failed = Math.max(failed, 1)
  const errors = unhandled(lines)
  if (errors !== '') reasons.push(errors)
}
for (const reason of reasons) console.log(reason.replace(/^/gm, '        '))
console.log(passed, failed)
