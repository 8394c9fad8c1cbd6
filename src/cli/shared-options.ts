/** Options of a server that shares its store with others: where ClickHouse and PostgreSQL are, and their passwords. */
import { readFileSync } from 'node:fs'
import { badOptions, secretText, text } from '../base/config.js'
import { messageOf } from '../base/errors.js'
import type { ClickHouseAddress } from '../server/store/open.js'
import { clickHouseAddress } from './store-address.js'

export const CONTROL_OPTIONS = {
  control: secretText(
    'PostgreSQL database for keys, settings and all but the sessions: postgresql://USER@HOST/DATABASE.',
    'URL',
  ),
  controlPasswordFile: text('File with the password for --control.', 'FILE'),
}

export const SHARED_OPTIONS = {
  store: secretText(
    'ClickHouse database for the sessions, which several servers may share: clickhouse://USER@HOST:8123/DATABASE, or clickhouses:// for TLS. Needs --control.',
    'URL',
  ),
  storePasswordFile: text('File with the password for --store.', 'FILE'),
  ...CONTROL_OPTIONS,
}

interface ControlOptions {
  readonly control: string | undefined
  readonly controlPasswordFile: string | undefined
}

interface SharedOptions extends ControlOptions {
  readonly store: string | undefined
  readonly storePasswordFile: string | undefined
}

export interface SharedAddresses {
  readonly control: string
  readonly store: ClickHouseAddress
}

/** @returns undefined: this server has a data directory of its own. @throws AppError BAD_OPTIONS */
export function sharedAddresses(options: SharedOptions): SharedAddresses | undefined {
  const control = controlUrl(options)
  const { store, storePasswordFile } = options
  if (store === undefined && storePasswordFile !== undefined)
    throw badOptions(['--store-password-file needs --store'])
  if (store === undefined && control === undefined) return undefined
  if (store === undefined)
    throw badOptions([
      '--control needs --store clickhouse://…: only a server with ClickHouse has its keys in PostgreSQL',
    ])
  if (control === undefined)
    throw badOptions([
      '--store needs --control postgresql://…: ClickHouse has the sessions, and PostgreSQL all else',
    ])
  return { control, store: storeAddress(store, storePasswordFile) }
}

/** @returns undefined if there is none. @throws AppError BAD_OPTIONS */
export function controlUrl({ control, controlPasswordFile }: ControlOptions): string | undefined {
  if (control === undefined && controlPasswordFile === undefined) return undefined
  if (control === undefined) throw badOptions(['--control-password-file needs --control'])
  const url = parsed(control, /^postgres(?:ql)?:$/, '--control', 'postgresql://USER@HOST/DATABASE')
  if (controlPasswordFile !== undefined)
    url.password = encodeURIComponent(
      passwordIn(controlPasswordFile, '--control-password-file', url, '--control'),
    )
  return url.href
}

/** @throws AppError BAD_OPTIONS */
export function storeAddress(store: string, file: string | undefined): ClickHouseAddress {
  const address = clickHouseAddress('--store', store)
  if (file === undefined) return address
  return { ...address, password: passwordIn(file, '--store-password-file', address, '--store') }
}

/** Faults never show the value, which may have a password. */
function parsed(value: string, scheme: RegExp, option: string, expected: string): URL {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || !scheme.test(url.protocol) || url.host === '')
    throw badOptions([`${option}: expected an address, as in ${expected}`])
  return url
}

function passwordIn(
  file: string,
  option: string,
  { password = '' }: { readonly password?: string },
  beside: string,
): string {
  if (password !== '')
    throw badOptions([`${option}: the address in ${beside} has a password, too; leave one out`])
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw badOptions([`${option}: cannot read it: ${messageOf(error)}`])
  }
}

/** True if the address has a password: on the command line, other users of the machine see it. */
export function hasPassword(url: string | undefined): boolean {
  return url !== undefined && URL.canParse(url) && new URL(url).password !== ''
}
