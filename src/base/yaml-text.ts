/**
 * Parses YAML of files that hold secrets, or that somebody named by mistake: a key, a configuration
 * of WireGuard. A fault therefore says the place and never quotes the text.
 */
import { createRequire } from 'node:module'
import type * as yaml from 'yaml'
import { messageOf } from './errors.js'

/** Nested aliases let a small file fill the memory; no file of ours needs so many. */
const ALIASES_MAX = 1000

/**
 * Loads yaml on use: loading takes as long as starting Node.js, and few commands have a file.
 * @param numbersAsText keeps numbers as they are written: the id 007 is not 7, nor is 12e4 a number of 120,000
 * @throws Error that names the fault with its line and column
 */
export function parseYaml(text: string, numbersAsText = false): unknown {
  const { parseDocument, visit } = createRequire(import.meta.url)('yaml') as typeof yaml
  const document = parseDocument(text, { logLevel: 'error' })
  const [error] = document.errors
  if (error !== undefined) throw new Error(faultOf(error))
  if (numbersAsText)
    visit(document, {
      Scalar(_, node) {
        if (typeof node.value === 'number') node.value = node.source ?? node.value
      },
    })
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX })
  } catch (thrown) {
    throw new Error(withoutQuote(messageOf(thrown)))
  }
}

function faultOf({ message, linePos }: yaml.YAMLParseError): string {
  const said = message.replace(/ at line \d+, column \d+:?\n[\s\S]*$/, '')
  const at = linePos?.[0]
  const place = at === undefined ? '' : ` at line ${at.line}, column ${at.col}`
  return `${withoutQuote(said)}${place}`
}

/** The parser quotes after a colon: `Unresolved tag: …`, `Invalid escape sequence \…`. */
function withoutQuote(said: string): string {
  return said.replace(/(\w\)?): [\s\S]*$|(escape sequence) [\s\S]*$/, '$1$2')
}
