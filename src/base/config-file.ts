/** The file of `--config`: YAML, options by name. */
import { createRequire } from 'node:module'
import type * as yaml from 'yaml'
import { readTextFile } from './bounded-file.js'
import { AppError, EXIT, messageOf } from './errors.js'

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

/** Loads yaml on use: loading takes as long as starting Node.js, and few commands have a file. */
function parseYaml(text: string): unknown {
  const { parseDocument, visit } = createRequire(import.meta.url)('yaml') as typeof yaml
  const document = parseDocument(text, { logLevel: 'error' })
  const [error] = document.errors
  if (error !== undefined) throw error
  // As they are written: the id 007 is not 7, nor is 12e4 a number of 120,000.
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value === 'number') node.value = node.source ?? node.value
    },
  })
  return document.toJS()
}

/** @throws AppError BAD_CONFIG_FILE */
export function readConfigFile(path: string): ConfigFile {
  let content: unknown
  try {
    content = parseYaml(readTextFile(path, BYTES_MAX))
  } catch (error) {
    throw new AppError(
      'BAD_CONFIG_FILE',
      `cannot read the configuration file ${path}: ${messageOf(error)}`,
      {
        exitCode: EXIT.usage,
        cause: error,
      },
    )
  }
  if (content === null || content === undefined) return { path, content: {} }
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new AppError(
      'BAD_CONFIG_FILE',
      `${path}: expected options by name, as in "interface: wg0"`,
      { exitCode: EXIT.usage },
    )
  }
  return { path, content: content as Record<string, unknown> }
}
