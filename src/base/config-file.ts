/** The file of `--config`: YAML, options by name. */
import { readTextFile } from './bounded-file.js'
import { AppError, EXIT, messageOf } from './errors.js'
import { parseYaml } from './yaml-text.js'

const BYTES_MAX = 1024 * 1024

export interface ConfigFile {
  readonly path: string
  readonly content: Readonly<Record<string, unknown>>
}

/** `spool-max:` without a value counts as absent, like an empty variable of the environment. */
export function isEmpty(value: unknown): boolean {
  return (
    value === null ||
    value === undefined ||
    value === '' ||
    (Array.isArray(value) && value.length === 0)
  )
}

/** Why no option can have this value, else undefined. */
export function valueFault(value: unknown): string | undefined {
  if (!Array.isArray(value)) {
    return typeof value === 'object' && value !== null ? 'expected one value or a list' : undefined
  }
  const place = value.findIndex((item) => isEmpty(item) || typeof item === 'object')
  if (place < 0) return undefined
  const what = isEmpty(value[place]) ? 'empty' : 'more than one value'
  return `item ${place + 1} of the list is ${what}`
}

/** @throws AppError BAD_CONFIG_FILE */
export function readConfigFile(path: string): ConfigFile {
  let content: unknown
  try {
    content = parseYaml(readTextFile(path, BYTES_MAX), true)
  } catch (error) {
    throw badFile(`cannot read the configuration file ${path}: ${messageOf(error)}`, error)
  }
  if (content === null || content === undefined) return { path, content: {} }
  if (typeof content !== 'object' || Array.isArray(content))
    throw badFile(`${path}: expected options by name`)
  return { path, content: content as Record<string, unknown> }
}

function badFile(fault: string, cause?: unknown): AppError {
  return new AppError('BAD_CONFIG_FILE', fault, {
    hint: 'It has one option a line, named as in --help, without the dashes: interface: wg0',
    exitCode: EXIT.usage,
    cause,
  })
}
