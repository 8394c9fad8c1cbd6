/** All texts that a person reads are in the catalogue (src/dashboard/texts). TypeScript's own parser reads the pages. */
import { fileURLToPath } from 'node:url'
import type { Node, SourceFile } from 'typescript/unstable/ast'
import {
  isBinaryExpression,
  isCallExpression,
  isElementAccessExpression,
  isJsxAttribute,
  isJsxExpression,
  isJsxText,
  isNewExpression,
  isNoSubstitutionTemplateLiteral,
  isPropertyAssignment,
  isStringLiteral,
  isTemplateHead,
  isTemplateMiddle,
  isTemplateTail,
} from 'typescript/unstable/ast/is'
import { API } from 'typescript/unstable/sync'
import { describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PAGES = `${ROOT}src/dashboard/`

/** Attributes and properties whose text a person sees or hears. */
const SHOWN = [
  ...['title', 'aria-label', 'aria-description', 'placeholder', 'label', 'alt', 'hint', 'empty'],
  ...['detail', 'summary', 'caption'],
]
/** Functions that show their text. */
const SHOWING = ['toast', 'setFault', 'Error', 'TypeError']

/** Names that are the same in all languages, and examples of what a person types. */
const SAME = [
  ...['tunmeter', 'CSV', 'NDJSON', 'SHA-256', 'tm_…', 'UTC', '.manifest.json'],
  ...['port:ssh -client:backup*', 'sessionId, startTime, userName'],
  // The unit of seconds, commands, and a failure that the page catches.
  ...['s', 'tunmeter catalog push catalog.yaml --to', '--org'],
  ...['tunmeter keys create --scope read --org ORG --name "Ada"'],
  ...['tunmeter keys create --scope admin --org my-org --create-org', 'not allowed'],
]

interface Literal {
  readonly where: string
  readonly text: string
}

function textOf(node: Node): string | undefined {
  const isText =
    isStringLiteral(node) ||
    isNoSubstitutionTemplateLiteral(node) ||
    isTemplateHead(node) ||
    isTemplateMiddle(node) ||
    isTemplateTail(node) ||
    isJsxText(node)
  return isText ? node.text : undefined
}

/** Whether an expression within this node is shown: a child of an element, or the value of a shown name. */
function shows(node: Node, file: SourceFile): boolean {
  const nameOf = (name: Node) => name.getText(file).replace(/^['"]|['"]$/g, '')
  if (isJsxAttribute(node) || isPropertyAssignment(node)) return SHOWN.includes(nameOf(node.name))
  if (isCallExpression(node) || isNewExpression(node))
    return SHOWING.includes(nameOf(node.expression))
  return false
}

/** A key that is compared or looked up is no text. */
function isKey({ parent }: Node, file: SourceFile): boolean {
  if (isElementAccessExpression(parent)) return true
  return isBinaryExpression(parent) && /^(?:[!=]==|in)$/.test(parent.operatorToken.getText(file))
}

/** A sentence, wherever it is: it begins with a capital letter and has three words. */
const isSentence = (text: string) => /^\p{Lu}\p{Ll}*(?: \p{L}+){2}/u.test(text)

function literalsOf(file: SourceFile): Literal[] {
  const found: Literal[] = []
  const isShown = (node: Node, text: string, shown: boolean) =>
    /\p{L}/u.test(text) &&
    !SAME.includes(text) &&
    (isJsxText(node) || isSentence(text) || (shown && !isKey(node, file)))
  const visit = (node: Node, shown: boolean) => {
    const text = textOf(node)?.trim()
    if (text !== undefined && isShown(node, text, shown)) {
      const line = file.text.slice(0, node.pos).split('\n').length
      found.push({ where: `${file.fileName.slice(PAGES.length)}:${line}`, text })
    }
    // An attribute ends what is shown around it: a class within a shown element is not shown.
    const within =
      isJsxAttribute(node) || isCallExpression(node) || isPropertyAssignment(node)
        ? shows(node, file)
        : shown || shows(node, file) || (isJsxExpression(node) && !isJsxAttribute(node.parent))
    node.forEachChild((child) => visit(child, within))
  }
  visit(file, false)
  return found
}

describe('texts of the dashboard', () => {
  test('none is left in the pages', () => {
    const api = new API({ cwd: ROOT })
    try {
      const tsconfig = `${PAGES}tsconfig.json`
      const project = api.updateSnapshot({ openProjects: [tsconfig] }).getProject(tsconfig)!
      const names = project.program
        .getSourceFileNames()
        .filter((name) => name.startsWith(PAGES) && !name.startsWith(`${PAGES}texts/`))
      expect(names.length).toBeGreaterThan(100)
      const files = names.map((name) => project.program.getSourceFile(name)!)
      expect(files.flatMap(literalsOf)).toEqual([])
    } finally {
      api.close()
    }
  }, 60_000)
})
