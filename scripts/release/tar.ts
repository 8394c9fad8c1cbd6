/**
 * Tar archives (POSIX.1-2001, pax) that depend only on their content: ordered by name, owned by
 * root, one time for all, and only the modes 755 and 644. GNU tar, umoci and container runtimes
 * read the extended attributes.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

export interface Entry {
  /** Without a leading slash; a folder has none at its end either. */
  readonly path: string
  readonly content: Buffer | { readonly linkTo: string } | 'folder'
  readonly mode: number
  /** User and group number; absent: root. */
  readonly owner?: number
  /** Extended attributes of the file system, such as `security.capability`. */
  readonly attributes?: Readonly<Record<string, Buffer>>
}

const BLOCK = 512
const TYPES = { file: '0', link: '2', folder: '5', pax: 'x' } as const
/** The longest path and link in the plain header. */
const PLAIN_MAX = 100

/**
 * All entries below `folder`, moved below `prefix`, except paths (relative to `folder`) for which
 * `isLeftOut` is true.
 */
export function entriesOf(
  folder: string,
  prefix = '',
  isLeftOut: (path: string) => boolean = () => false,
): Entry[] {
  const found: Entry[] = []
  const visit = (below: string): void => {
    for (const name of readdirSync(join(folder, below)).sort()) {
      const path = join(below, name)
      if (isLeftOut(path)) continue
      const full = join(folder, path)
      const stat = lstatSync(full)
      const to = join(prefix, path)
      if (stat.isSymbolicLink())
        found.push({ path: to, content: { linkTo: readlinkSync(full) }, mode: 0o777 })
      else if (stat.isDirectory()) {
        found.push({ path: to, content: 'folder', mode: 0o755 })
        visit(path)
      } else {
        const mode = (stat.mode & 0o100) === 0 ? 0o644 : 0o755
        found.push({ path: to, content: readFileSync(full), mode })
      }
    }
  }
  visit('')
  return found
}

/**
 * Makes the archive. If two entries have one path, the later one counts. Missing parent folders are
 * added.
 */
export function tar(entries: readonly Entry[], seconds: number): Buffer {
  const byPath = new Map<string, Entry>()
  for (const entry of entries) {
    const parts = entry.path.split('/')
    for (let depth = 1; depth < parts.length; depth++) {
      const path = parts.slice(0, depth).join('/')
      if (!byPath.has(path)) byPath.set(path, { path, content: 'folder', mode: 0o755 })
    }
    byPath.set(entry.path, entry)
  }
  const sorted = [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
  const blocks = sorted.flatMap((entry) => blocksOf(entry, seconds))
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)])
}

function blocksOf(entry: Entry, seconds: number): Buffer[] {
  const { content, mode, owner = 0 } = entry
  const path = content === 'folder' ? `${entry.path}/` : entry.path
  const link = typeof content === 'object' && 'linkTo' in content ? content.linkTo : ''
  const data = Buffer.isBuffer(content) ? content : Buffer.alloc(0)
  const records = paxRecords(path, link, entry.attributes ?? {})
  const type = content === 'folder' ? TYPES.folder : link === '' ? TYPES.file : TYPES.link
  const common = { owner, seconds }
  return [
    ...(records.length === 0
      ? []
      : [
          header({
            ...common,
            path: 'pax',
            link: '',
            mode: 0o644,
            size: records.length,
            type: 'x',
          }),
          padded(records),
        ]),
    header({ ...common, path, link, mode, size: data.length, type }),
    padded(data),
  ]
}

function paxRecords(
  path: string,
  link: string,
  attributes: Readonly<Record<string, Buffer>>,
): Buffer {
  const records: [string, Buffer][] = []
  if (Buffer.byteLength(path) > PLAIN_MAX) records.push(['path', Buffer.from(path)])
  if (Buffer.byteLength(link) > PLAIN_MAX) records.push(['linkpath', Buffer.from(link)])
  for (const [name, value] of Object.entries(attributes))
    records.push([`SCHILY.xattr.${name}`, value])
  return Buffer.concat(records.map(([key, value]) => paxRecord(key, value)))
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts its own digits. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')])
  let length = rest.length
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length
  return Buffer.concat([Buffer.from(`${length}`), rest])
}

interface Header {
  readonly path: string
  readonly link: string
  readonly mode: number
  readonly owner: number
  readonly size: number
  readonly seconds: number
  readonly type: string
}

function header({ path, link, mode, owner, size, seconds, type }: Header): Buffer {
  const block = Buffer.alloc(BLOCK)
  const octal = (value: number, at: number, width: number) =>
    block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1')
  block.write(path, 0, PLAIN_MAX)
  octal(mode, 100, 8)
  octal(owner, 108, 8)
  octal(owner, 116, 8)
  octal(size, 124, 12)
  octal(seconds, 136, 12)
  block.fill(' ', 148, 156)
  block.write(type, 156, 'latin1')
  block.write(link, 157, PLAIN_MAX)
  block.write('ustar\x0000', 257, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

function padded(data: Buffer): Buffer {
  const rest = data.length % BLOCK
  return rest === 0 ? data : Buffer.concat([data, Buffer.alloc(BLOCK - rest)])
}
