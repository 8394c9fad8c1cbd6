/**
 * Options of the commands, each declared once: parsing, defaults, ranges, `--help`, the environment
 * and the configuration file all come from one table (src/cli/*.ts have the tables, `defineCommand`
 * binds them).
 *
 * The first of these sources that has a value counts: the command line (`--spool-max 1GiB`), the
 * environment (`TUNMETER_SPOOL_MAX`), the file of `--config` (YAML, `spool-max: 1GiB`), the
 * default. Unknown names are refused with the nearest known one, and all faults are reported
 * together.
 */
import { type ConfigFile, isEmpty, valueFault } from './config-file.js'
import { AppError, EXIT, messageOf } from './errors.js'

export interface Option<T> {
  /** One sentence, for `--help` and the docs. */
  readonly help: string
  /** Placeholder of the value in `--help`; a switch (no value) has none. */
  readonly value?: string
  /** All possible values, if they are words. */
  readonly choices?: readonly string[]
  /** Converts text to a value. Throws an Error that says what is expected. */
  readonly parse: (text: string) => T
  readonly default: T
  /** The default as `--help` shows it; empty: not shown. */
  readonly defaultText: string
  readonly required: boolean
  /** May be repeated; the value is then a list. */
  readonly repeatable: boolean
  /** Never printed; its help recommends the environment or a file instead. */
  readonly secret: boolean
  /** On the command line, it takes the place of this other option of the environment or the file. */
  readonly insteadOf?: string
}

// biome-ignore lint/suspicious/noExplicitAny: a table holds options of any value type.
export type OptionTable = Readonly<Record<string, Option<any>>>
export type OptionValues<S extends OptionTable> = {
  readonly [K in keyof S]: S[K] extends Option<infer T> ? T : never
}

function option<T>(
  fields: Pick<Option<T>, 'help' | 'parse' | 'default'> & Partial<Option<T>>,
): Option<T> {
  return { defaultText: '', required: false, repeatable: false, secret: false, ...fields }
}

/** A text without a default: undefined when absent. */
export function text(help: string, value: string): Option<string | undefined> {
  return option<string | undefined>({ help, value, parse: (t) => t, default: undefined })
}

/** A text of one form, without a default; `expected` says the form. */
export function textOfForm(
  help: string,
  value: string,
  form: RegExp,
  expected: string,
): Option<string | undefined> {
  return option<string | undefined>({
    help,
    value,
    default: undefined,
    parse: (t) => {
      if (!form.test(t)) throw new Error(expected)
      return t
    },
  })
}

/** A text without a default, read by `parse`, which throws an Error that says what is expected. */
export function parsedText<T>(
  help: string,
  value: string,
  parse: (text: string) => T,
): Option<T | undefined> {
  return option<T | undefined>({ help, value, parse, default: undefined })
}

export function textOr(help: string, value: string, fallback: string): Option<string> {
  return option({ help, value, parse: (t) => t, default: fallback, defaultText: fallback })
}

export function requiredText(help: string, value: string): Option<string> {
  return option({ help, value, parse: (t) => t, default: '', required: true })
}

export function secretText(help: string, value: string): Option<string | undefined> {
  return option<string | undefined>({
    help,
    value,
    parse: (t) => t,
    default: undefined,
    secret: true,
  })
}

/** May be repeated; empty when absent. */
export function textList(help: string, value: string): Option<readonly string[]> {
  return option<readonly string[]>({
    help,
    value,
    parse: (t) => [t],
    default: [],
    repeatable: true,
  })
}

/** As textList(); `parse` throws an Error that says what is expected. */
export function parsedList<T>(
  help: string,
  value: string,
  parse: (text: string) => T,
): Option<readonly T[]> {
  return option<readonly T[]>({
    help,
    value,
    parse: (t) => [parse(t)],
    default: [],
    repeatable: true,
  })
}

export function toggle(help: string): Option<boolean> {
  return option({ help, default: false, parse: parseBoolean })
}

export function choice<const T extends string>(
  help: string,
  value: string,
  choices: readonly T[],
  fallback: T,
): Option<T> {
  return option<T>({
    help: `${help.replace(/\.$/, '')}: ${choices.join(', ')}`,
    value,
    choices,
    default: fallback,
    defaultText: fallback,
    parse: (t) => {
      const found = choices.find((c) => c === t)
      if (found === undefined) throw new Error(`expected one of ${choices.join(', ')}`)
      return found
    },
  })
}

export interface Range {
  readonly min: number
  readonly max: number
}

export function integer(
  help: string,
  value: string,
  fallback: number,
  range: Range,
): Option<number> {
  return option({
    help,
    value,
    default: fallback,
    defaultText: String(fallback),
    parse: (t) =>
      inRange(/^-?\d+$/.test(t) ? Number(t) : Number.NaN, range, 'a whole number', String),
  })
}

/** A whole number without a default: undefined when absent. */
export function optionalInteger(
  help: string,
  value: string,
  range: Range,
): Option<number | undefined> {
  const { parse } = integer(help, value, range.min, range)
  return option<number | undefined>({ help, value, parse, default: undefined })
}

/** Milliseconds. Written as `250ms`, `30s`, `5m`, `2h`, `7d`; a bare number is seconds. */
export function duration(help: string, fallbackMs: number, rangeMs: Range): Option<number> {
  return option({
    help,
    value: 'TIME',
    default: fallbackMs,
    defaultText: formatDuration(fallbackMs),
    parse: (t) =>
      inRange(
        parseUnits(t, DURATION_MS, 's'),
        rangeMs,
        'a time as in 250ms, 30s, 5m, 2h or 7d',
        formatDuration,
      ),
  })
}

/** As duration(), without a default. */
export function optionalDuration(help: string, rangeMs: Range): Option<number | undefined> {
  const { parse } = duration(help, rangeMs.min, rangeMs)
  return option<number | undefined>({ help, value: 'TIME', parse, default: undefined })
}

/** Bytes. Written as `512KiB`, `64MiB`, `1GiB`; a bare number is bytes. */
export function size(help: string, fallbackBytes: number, rangeBytes: Range): Option<number> {
  return option({
    help,
    value: 'SIZE',
    default: fallbackBytes,
    defaultText: formatSize(fallbackBytes),
    parse: (t) =>
      inRange(parseUnits(t, SIZE_BYTES, 'B'), rangeBytes, 'a size as in 64MiB or 1GiB', formatSize),
  })
}

const DURATION_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1e3,
  m: 60e3,
  h: 3600e3,
  d: 86400e3,
}
const SIZE_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
}

function parseUnits(text: string, units: Readonly<Record<string, number>>, bare: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim())
  const factor = units[match?.[2] || bare]
  return match === null || factor === undefined ? Number.NaN : Math.round(Number(match[1]) * factor)
}

function inRange(value: number, range: Range, what: string, format: (n: number) => string): number {
  if (Number.isNaN(value)) throw new Error(`expected ${what}`)
  if (value < range.min || value > range.max) {
    throw new Error(`expected ${what}, from ${format(range.min)} to ${format(range.max)}`)
  }
  return value
}

function parseBoolean(text: string): boolean {
  if (['true', '1', 'yes', 'on'].includes(text)) return true
  if (['false', '0', 'no', 'off'].includes(text)) return false
  throw new Error('expected true or false')
}

function formatUnits(value: number, units: readonly (readonly [string, number])[]): string {
  const [unit, factor] =
    units.find(([, f]) => value >= f && value % f === 0) ?? units[units.length - 1]!
  return `${value / factor}${unit}`
}

export function formatDuration(ms: number): string {
  return formatUnits(ms, [
    ['d', 86400e3],
    ['h', 3600e3],
    ['m', 60e3],
    ['s', 1e3],
    ['ms', 1],
  ])
}

export function formatSize(bytes: number): string {
  return formatUnits(bytes, [
    ['TiB', 2 ** 40],
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
    ['B', 1],
  ])
}

export function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)
}

export function envName(name: string): string {
  return `TUNMETER_${kebabCase(name).replaceAll('-', '_').toUpperCase()}`
}

export interface OptionSources {
  /** The command line's values: a text, a list of texts, or true for a switch. */
  readonly flags: Readonly<Record<string, unknown>>
  readonly env: Readonly<Record<string, string | undefined>>
  /** The file of `--config`. */
  readonly file?: ConfigFile | undefined
}

/**
 * Merges the sources into typed values. Another command may share the file: its options
 * (`inFileOnly`) are ignored there.
 * @throws AppError BAD_OPTIONS with one line for each fault.
 */
export function resolveOptions<S extends OptionTable>(
  table: S,
  sources: OptionSources,
  inFileOnly: OptionTable = {},
): OptionValues<S> {
  const faults: string[] = []
  const values: Record<string, unknown> = {}
  if (sources.file !== undefined)
    faults.push(...fileFaults({ ...inFileOnly, ...table }, sources.file))
  const replaced = new Set(
    Object.entries(table).flatMap(([name, { insteadOf = '' }]) =>
      sources.flags[name] === undefined ? [] : [insteadOf],
    ),
  )
  for (const [name, spec] of Object.entries(table)) {
    const [value, origin] = pick(
      name,
      replaced.has(name) ? { ...sources, env: {}, file: undefined } : sources,
    )
    if (value === undefined) {
      // A wrong value in the file has a fault already.
      if (spec.required && isEmpty(sources.file?.content[kebabCase(name)]))
        faults.push(`--${kebabCase(name)} ${spec.value} is required: ${spec.help}`)
      values[name] = spec.default
      continue
    }
    try {
      values[name] = parseValue(spec, value)
    } catch (error) {
      const shown = spec.secret ? 'the given value' : JSON.stringify(String(value))
      faults.push(`${origin}: ${shown}: ${messageOf(error)}`)
    }
  }
  if (faults.length > 0) throw badOptions(faults)
  return values as OptionValues<S>
}

/**
 * The place where an option was set, in the user's terms: `--port`, `TUNMETER_PORT`, `port in
 * FILE`; else undefined.
 */
export function givenAs(name: string, sources: OptionSources): string | undefined {
  const [value, origin] = pick(name, sources)
  return value === undefined ? undefined : origin
}

function pick(name: string, { flags, env, file }: OptionSources): [unknown, string] {
  if (flags[name] !== undefined) return [flags[name], `--${kebabCase(name)}`]
  const fromEnv = env[envName(name)]
  if (fromEnv !== undefined && fromEnv !== '') return [fromEnv, envName(name)]
  const key = kebabCase(name)
  const fromFile = file?.content[key]
  const usable = !isEmpty(fromFile) && valueFault(fromFile) === undefined
  return [usable ? fromFile : undefined, `${key} in ${file?.path}`]
}

function parseValue(spec: Option<unknown>, value: unknown): unknown {
  const texts = (Array.isArray(value) ? value : [value]).map((v) => String(v))
  if (!spec.repeatable) {
    if (texts.length !== 1) throw new Error(`expected one value, and there are ${texts.length}`)
    return spec.parse(texts[0]!)
  }
  return texts.flatMap((t) => spec.parse(t) as unknown[])
}

function fileFaults(table: OptionTable, { path, content }: ConfigFile): string[] {
  const names = Object.keys(table).map(kebabCase)
  const faults = Object.entries(content).flatMap(([key, value]) => {
    if (!isName(key)) return `${path} has a line that is no option`
    if (!names.includes(key)) return `${path} has no option "${key}"${suggestion(key, names)}`
    const fault = valueFault(value)
    return fault === undefined ? [] : `${key} in ${path}: ${fault}`
  })
  return [...new Set(faults)]
}

export function badOptions(faults: readonly string[]): AppError {
  return new AppError('BAD_OPTIONS', faults.join('\n'), {
    exitCode: EXIT.usage,
    hint: 'See --help.',
  })
}

/**
 * False: `text` may be a line of a file that is something else, with a secret in it. A message must
 * not show it.
 */
export function isName(text: string): boolean {
  return /^[\p{L}\p{N}_.-]{1,40}$/u.test(text)
}

/** `; did you mean "x"?` when a known name is near, else nothing. */
export function suggestion(wrong: string, known: readonly string[]): string {
  const near = known
    .map((name) => ({ name, distance: editDistance(wrong, name) }))
    .filter(({ name, distance }) => distance <= Math.max(2, Math.floor(name.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0]
  return near === undefined ? '' : `; did you mean "${near.name}"?`
}

/** Levenshtein, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitute = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substitute, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
