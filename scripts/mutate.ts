/**
 * Mutation testing of the engine: checks that each constant and each comparison of native/ has a
 * hand-computed case that fails without it.
 *
 *     node --import tsx scripts/mutate.ts [FILE[:LINE]...]     FILE below native/; default: DEFAULT_FILES
 *
 * Changes one token at a time (a number, a comparison, a reason), compiles that file anew and runs
 * the cases of test/rules. A case with a different outcome kills the mutant, and so does a crash.
 * Prints the survivors and a count for each file. A survivor needs a new case, or it behaves like
 * the original: then mutate-equivalent.ts lists it with the reason. Fails when an unlisted mutant
 * survives, and when a listed one is killed (docs/accuracy.md).
 */
import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packPrefixes } from '../src/meter/capture/engine-options.js'
import { events, INSIDE_SETS, type Scenario } from '../test/property/scenario.js'
import { COUNTED_CASES, OTHER_CASES, RULES } from '../test/rules/check.js'
import { RULE_OPTIONS } from '../test/rules/rule.js'
import { EQUIVALENT } from './mutate-equivalent.js'

const ROOT = join(import.meta.dirname, '..')
const NATIVE = join(ROOT, 'native')
const BUILD = join(ROOT, `build/mutate/${process.pid}`)
const DEFAULT_FILES = ['decode/link.cc', 'decode/ip.cc', 'decode/decode.cc', 'engine/tcp_state.cc']
const UNITS =
  `decode/decode decode/ip decode/link decode/fragments engine/engine engine/engine_session engine/engine_timers engine/packet_clocks
  engine/tcp_state table/eviction table/flow_table table/timer_wheel table/prefix_set`.split(/\s+/)
const FLAGS = ['-std=c++20', '-O0', '-g0', '-fno-exceptions', '-w', `-I${NATIVE}`]
/** Compiled once, because a mutant would spend most of its time on these. */
const HEADERS = '#include <algorithm>\n#include <cstdint>\n#include <cstring>\n#include <span>\n'
const PREFIX = join(BUILD, 'headers.h')
/** The limit for a run, because a mutant may loop; a case takes microseconds. */
const RUN_MS_MAX = 20_000

type Objects = ReadonlyMap<string, string>

interface Cases {
  readonly text: string
  /** The outcome of the unchanged program. */
  readonly outcome: string
}

interface Mutant {
  readonly line: number
  /** The line without its indentation. */
  readonly code: string
  /** The number of the line among lines with this code, from 1. */
  readonly nth: number
  readonly from: string
  readonly to: string
  readonly source: string
}

const OPERATORS: Readonly<Record<string, string>> = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '==': '!=',
  '!=': '==',
  '&&': '||',
  '||': '&&',
}
const TOKENS =
  /\b0x[0-9a-f]+\b|\b\d+\b(?!')|(?<= )(?:<=|>=|==|!=|&&|\|\||<|>)(?= )|OtherReason::k\w+/g

function replacement(token: string): string {
  if (token.startsWith('OtherReason')) {
    return token.endsWith('kNonIp') ? 'OtherReason::kArp' : 'OtherReason::kNonIp'
  }
  return OPERATORS[token] ?? `(${token} + 1)`
}

/** A mutant for every token of the code, except in comments, types, includes and tables. */
function mutants(source: string): Mutant[] {
  const lines = source.split('\n')
  const seen = new Map<string, number>()
  return lines.flatMap((text, i) => {
    const trimmed = text.trim()
    const nth = (seen.get(trimmed) ?? 0) + 1
    seen.set(trimmed, nth)
    const code = text.split('//')[0]!
    if (/^\s*#|static_assert|template/.test(code)) return []
    return [...code.matchAll(TOKENS)].map((match): Mutant => {
      const to = replacement(match[0])
      const changed = text.slice(0, match.index) + to + text.slice(match.index + match[0].length)
      const all = [...lines.slice(0, i), changed, ...lines.slice(i + 1)].join('\n')
      return { line: i + 1, code: trimmed, nth, from: match[0], to, source: all }
    })
  })
}

function compile(source: string, object: string): boolean {
  return spawnSync('g++', [...FLAGS, '-include', PREFIX, '-c', source, '-o', object]).status === 0
}

function link(objects: readonly string[], program: string): void {
  const result = spawnSync('g++', [...objects, '-o', program], { stdio: 'inherit' })
  if (result.status !== 0) throw new Error('the program does not link')
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function caseText(name: string, scenario: Pick<Scenario, 'options'>, steps: readonly string[]) {
  const o = scenario.options
  const numbers = [
    ...[o.handshakeUs, o.establishedUs, o.halfClosedUs, o.udpUs, o.lingerUs, o.activeUs],
    ...[o.flowsMax, o.fragmentsMax, Number(o.earlyReport)],
  ]
  const inside = hex(packPrefixes(INSIDE_SETS[o.inside]!))
  const head = [`case ${name}`, `options ${numbers.join(' ')}`, `inside ${inside}`]
  return [...head, ...steps, 'end', ''].join('\n')
}

function allCases(): string {
  const rules = RULES.map(({ name, scenario }) => {
    const steps = events(scenario).map((event) => {
      if (event.kind === 'advance') return `advance ${event.ns}`
      if (event.kind === 'inside') return `inside ${hex(packPrefixes(event.prefixes))}`
      return `packet ${event.ns ?? '-'} ${event.linkType} ${event.wireBytes} ${hex(event.data)}`
    })
    return caseText(name, scenario, steps)
  })
  const packets = [...OTHER_CASES, ...COUNTED_CASES].map((one) => {
    const { name, linkType, data, wireBytes = data.length } = one
    const octets = hex(Uint8Array.from(data))
    const step = `packet 0 ${linkType} ${wireBytes} ${octets}`
    return caseText(name, { options: RULE_OPTIONS }, [step])
  })
  return [...rules, ...packets].join('')
}

/** The outcome of the cases; null when the program crashed or did not end. */
function run(program: string, cases: string): Promise<string | null> {
  return new Promise((resolve) => {
    const options = { timeout: RUN_MS_MAX, maxBuffer: 64 << 20 }
    const child = execFile(program, [], options, (error, out) => resolve(error ? null : out))
    child.stdin!.on('error', () => {})
    child.stdin!.end(cases)
  })
}

/** True when the mutant is killed; null when it does not compile. */
async function killed(mutant: Mutant, unit: string, objects: Objects, cases: Cases) {
  const [source, object] = [join(BUILD, `${unit}.mutant.cc`), join(BUILD, `${unit}.mutant.o`)]
  writeFileSync(source, mutant.source)
  if (!compile(source, object)) return null
  const program = join(BUILD, `${unit}.mutant`)
  link(
    [...objects].map(([name, path]) => (name === unit ? object : path)),
    program,
  )
  return (await run(program, cases.text)) !== cases.outcome
}

function isListed(file: string, { code, nth, from }: Mutant): boolean {
  return EQUIVALENT.some(
    (e) => e.file === file && e.code === code && e.from === from && (e.nth ?? nth) === nth,
  )
}

/** Mutates one file, or its named lines. Returns true when all mutants behave as expected. */
async function mutate(file: string, lines: readonly number[], objects: Objects, cases: Cases) {
  const count = { killed: 0, equivalent: 0, survived: 0, invalid: 0, wronglyListed: 0 }
  const chosen = mutants(readFileSync(join(NATIVE, file), 'utf8')).filter(
    ({ line }) => lines.length === 0 || lines.includes(line),
  )
  for (const mutant of chosen) {
    const { line, code, from, to } = mutant
    const is = await killed(mutant, file.replace('.cc', ''), objects, cases)
    const listed = isListed(file, mutant)
    const text = `${file}:${line}: ${from} -> ${to}   ${code}`
    if (is === null) count.invalid++
    else if (is && listed) count.wronglyListed++
    else if (is) count.killed++
    else if (listed) count.equivalent++
    else count.survived++
    if (is === true && listed) console.log(`killed, but listed as equivalent: ${text}`)
    if (is === false && !listed) console.log(`survives: ${text}`)
  }
  const { invalid, equivalent, survived, wronglyListed } = count
  console.log(
    `${file}: ${chosen.length - invalid} mutants, ${count.killed + wronglyListed} killed, ` +
      `${equivalent} equivalent, ${survived} survive (${invalid} more do not compile)`,
  )
  return survived + wronglyListed === 0
}

async function main(chosen: readonly string[]): Promise<void> {
  for (const stage of ['decode', 'engine', 'table']) {
    mkdirSync(join(BUILD, stage), { recursive: true })
  }
  writeFileSync(PREFIX, HEADERS)
  spawnSync('g++', [...FLAGS, '-x', 'c++-header', PREFIX, '-o', `${PREFIX}.gch`])
  const objects = new Map<string, string>()
  for (const unit of [...UNITS, 'case_driver']) {
    const source = unit === 'case_driver' ? join(ROOT, 'test/native') : NATIVE
    objects.set(unit, join(BUILD, `${unit}.o`))
    if (!compile(join(source, `${unit}.cc`), objects.get(unit)!)) throw new Error(unit)
  }
  link([...objects.values()], join(BUILD, 'original'))
  const text = allCases()
  const outcome = await run(join(BUILD, 'original'), text)
  if (outcome === null || outcome.includes('BROKEN')) throw new Error('the cases fail unchanged')
  console.log(`${outcome.trim().split('\n').length} cases`)
  for (const file of new Set(chosen.map((one) => one.split(':')[0]!))) {
    const lines = chosen.filter((one) => one.startsWith(`${file}:`))
    const numbers = lines.map((one) => Number(one.split(':')[1]))
    if (!(await mutate(file, numbers, objects, { text, outcome }))) process.exitCode = 1
  }
}

await main(process.argv.length > 2 ? process.argv.slice(2) : DEFAULT_FILES)
