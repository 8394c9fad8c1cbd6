/** Pages lead where they say: links and their anchors, and files of this repository that prose and comments name. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from './support/process.js'

const TRACKED = execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' }).split('\n')
const PAGES = TRACKED.filter((path) => path.endsWith('.md') && existsSync(join(ROOT, path)))
const textOf = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const isThere = (path: string) => existsSync(join(ROOT, path))

/** Headings as GitHub links to them; equal ones have a number. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading] of withoutCode(page).matchAll(/^#{1,6} +(.*)$/gm)) {
    const words = heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const anchor = words.replace(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-')
    let numbered = anchor
    for (let n = 1; anchors.has(numbered); n += 1) numbered = `${anchor}-${n}`
    anchors.add(numbered)
  }
  return anchors
}

function withoutCode(page: string): string {
  return page.replace(/^```[\s\S]*?^```/gm, '')
}

/** Targets of its links and pictures, without those on other machines. */
function linksOf(page: string): string[] {
  const found = withoutCode(page).matchAll(/\]\(([^)\s]+)\)|<img src="([^"]+)"/g)
  return [...found].map(([, link, image]) => (link ?? image)!).filter((to) => !/^\w+:/.test(to))
}

test('anchors are those of GitHub', () => {
  const page =
    '# A page\n```\n# no heading\n```\n## Is it "there"?\n## [Size](x.md), `q` & _x_\n## A page\n'
  expect([...anchorsOf(page)]).toEqual(['a-page', 'is-it-there', 'size-q--_x_', 'a-page-1'])
})

test('links lead to files and headings that are there', () => {
  const links = PAGES.flatMap((from) => linksOf(textOf(from)).map((to) => ({ from, to })))
  expect(links.length).toBeGreaterThan(50)
  const broken = links.filter(({ from, to }) => {
    const [file, anchor] = to.split('#') as [string, string?]
    const path = file === '' ? from : normalize(join(dirname(from), file))
    return !isThere(path) || (anchor !== undefined && !anchorsOf(textOf(path)).has(anchor))
  })
  expect(broken).toEqual([])
})

/** Words in capitals stand for a name. */
test('files that pages name are there', () => {
  const named = PAGES.filter((path) => path !== 'CHANGELOG.md').flatMap((page) =>
    [
      ...textOf(page).matchAll(
        /`((?:src|native|test|scripts|packaging|fixtures|bench)\/[\w./-]+)`/g,
      ),
    ].map(([, path]) => ({ page, path: path! })),
  )
  expect(named.length).toBeGreaterThan(50)
  expect(named.filter(({ path }) => !/[A-Z]{4}/.test(path) && !isThere(path))).toEqual([])
})

/** Pages that files other than pages name, with the heading behind the comma, if one is named. */
const NAMED = TRACKED.filter(
  (path) => /^(src|native|test|scripts|packaging)\//.test(path) && !/\.(md|pcap\w*|gz)$/.test(path),
)
  .filter(isThere)
  .flatMap((file) =>
    [...textOf(file).matchAll(/\b(docs\/[\w/-]+\.md)\b(?:, "([^"]+)")?/g)].map(
      ([, page, heading]) => ({ file, page: page!, heading }),
    ),
  )

test('pages and headings that code, messages and comments name are there', () => {
  expect(NAMED.length).toBeGreaterThan(50)
  expect(NAMED.filter(({ page }) => !isThere(page))).toEqual([])
  const withHeading = NAMED.filter(({ heading }) => heading !== undefined)
  expect(withHeading.length).toBeGreaterThan(5)
  const missing = withHeading.filter(
    ({ page, heading }) =>
      !textOf(page)
        .split('\n')
        .some((line) => /^#+ /.test(line) && line.endsWith(` ${heading}`)),
  )
  expect(missing).toEqual([])
})

test('files of this repository that comments name with their folder are there', () => {
  const code = TRACKED.filter((path) => /\.(tsx?|mjs)$/.test(path) && isThere(path))
  const named = code.flatMap((file) =>
    [...textOf(file).matchAll(/^\s*(?:\/\*\*|\*|\/\/).*?\b((?:[\w-]+\/)+[\w.-]+\.tsx?)\b/gm)].map(
      ([, path]) => ({ file, path: path! }),
    ),
  )
  expect(named.length).toBeGreaterThan(10)
  const known = (path: string) => TRACKED.some((one) => one === path || one.endsWith(`/${path}`))
  expect(named.filter(({ path }) => !known(path))).toEqual([])
})
