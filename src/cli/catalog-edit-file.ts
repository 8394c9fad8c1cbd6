/** Writes an edited catalog back to its file. Comments and the form of unchanged entries stay. */
import {
  existsSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { type Document, isSeq, parseDocument, stringify as toYaml } from 'yaml'
import { AppError, messageOf } from '../base/errors.js'
import { loadCatalog } from '../meter/attribution/catalog-file.js'
import type { Catalog } from '../session/catalog.js'
import { CATALOG_LISTS, catalogChanges, hasChanges } from '../session/catalog-changes.js'

type Entry = Readonly<Record<string, unknown>>

/** At any time the file is complete, with either the old or the new content. @throws AppError OUTPUT_FAILED */
export function writeEdited(path: string, before: Catalog, after: Catalog): void {
  const target = existsSync(path) ? realpathSync(path) : path
  const beside = `${target}.${process.pid}`
  try {
    const old = existsSync(target) ? readFileSync(target, 'utf8') : ''
    const mode = existsSync(target) ? statSync(target).mode & 0o777 : 0o644
    writeFileSync(beside, editedText(old, before, after), { flag: 'wx', mode })
    // A form that cannot be edited in place, such as one with aliases, is written from scratch.
    if (!isCatalog(beside, after)) writeFileSync(beside, toYaml(after))
    renameSync(beside, target)
  } catch (error) {
    rmSync(beside, { force: true })
    throw new AppError('OUTPUT_FAILED', `cannot write ${path}: ${messageOf(error)}`, {
      hint: 'Its directory must be writable too: the new file is made beside it.',
      cause: error,
    })
  }
}

function isCatalog(path: string, wanted: Catalog): boolean {
  try {
    return !hasChanges(catalogChanges(wanted, loadCatalog(path)))
  } catch {
    return false
  }
}

function editedText(text: string, before: Catalog, after: Catalog): string {
  if (/^\s*\{/.test(text)) return `${JSON.stringify(after, null, 2)}\n`
  const document = parseDocument(text)
  try {
    for (const list of CATALOG_LISTS)
      editList(
        document,
        list,
        (before[list] ?? []) as readonly Entry[],
        (after[list] ?? []) as readonly Entry[],
      )
    return document.toString()
  } catch {
    return toYaml(after)
  }
}

/** Entries that both lists have at the beginning and at the end keep their text. */
function editList(
  document: Document,
  list: keyof Catalog,
  before: readonly Entry[],
  after: readonly Entry[],
): void {
  let start = 0
  while (start < before.length && before[start] === after[start]) start++
  let kept = 0
  while (
    kept < Math.min(before.length, after.length) - start &&
    before[before.length - 1 - kept] === after[after.length - 1 - kept]
  )
    kept++
  const old = before.slice(start, before.length - kept)
  const fresh = after.slice(start, after.length - kept)
  if (old.length === 0 && fresh.length === 0) return
  const both = Math.min(old.length, fresh.length)
  for (let i = 0; i < both; i++) editEntry(document, [list, start + i], old[i]!, fresh[i]!)
  if (!isSeq(document.get(list))) document.set(list, document.createNode([]))
  const items = document.get(list) as { items: unknown[]; flow?: boolean }
  if (items.items.length === 0) items.flow = false
  items.items.splice(
    start + both,
    old.length - both,
    ...fresh.slice(both).map((one) => document.createNode(withoutEmpty(one))),
  )
}

function editEntry(
  document: Document,
  path: readonly (string | number)[],
  old: Entry,
  fresh: Entry,
): void {
  for (const field of new Set([...Object.keys(old), ...Object.keys(fresh)])) {
    if (JSON.stringify(old[field]) === JSON.stringify(fresh[field])) continue
    if (fresh[field] === undefined) document.deleteIn([...path, field])
    else document.setIn([...path, field], document.createNode(fresh[field]))
  }
}

function withoutEmpty(entry: Entry): Entry {
  return Object.fromEntries(
    Object.entries(entry).filter(([, value]) => !Array.isArray(value) || value.length > 0),
  )
}
