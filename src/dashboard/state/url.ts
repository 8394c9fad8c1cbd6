/** The address bar is the page's state: the page shows the view of the address, and every change of view changes it. */
import { BASE, pathBelowBase } from './base.js'
import { createStore, useStore } from './store.js'

export interface Location {
  /** Without the base path. */
  readonly path: string
  readonly params: URLSearchParams
}

/** `null` removes the parameter; a list repeats it. */
export type ParamPatch = Readonly<Record<string, string | readonly string[] | null>>

type QueryValue = string | number | boolean | null | undefined
/** Parameters of an API request. A list repeats its parameter, which means "any of these". */
export type QueryParams = Readonly<Record<string, QueryValue | readonly string[]>>

function read(): Location {
  const { pathname, search } = window.location
  return { path: pathBelowBase(pathname), params: new URLSearchParams(search) }
}

const location = createStore<Location>(read())

/** The page's own state in each entry of the browser's history. */
interface Entry {
  readonly index: number
  /** A part was opened here and closed again, so the view equals that of the entry before. Back skips this entry. */
  readonly twin: boolean
}

function entryOf(state: unknown): Entry {
  return (state as Entry | null) ?? { index: 0, twin: false }
}

let entry = entryOf(window.history.state)
let back = false

/** The reader came to this address by Back or Forward. */
export function cameBack(): boolean {
  return back
}

window.addEventListener('popstate', (event) => {
  const before = entry
  back = true
  entry = entryOf(event.state)
  if (before.twin && entry.index === before.index - 1) window.history.back()
  location.set(read())
})

export function currentLocation(): Location {
  return location.get()
}

export function useLocation(): Location {
  return useStore(location)
}

/** Keeps colons, commas and slashes, which are legal in a query, so that links stay readable. */
function encodeParams(params: URLSearchParams): string {
  const text = params.toString().replace(/%3A/g, ':').replace(/%2C/g, ',').replace(/%2F/g, '/')
  return text === '' ? '' : `?${text}`
}

/** @param path of a page, without the base path */
export function hrefOf(path: string, params: URLSearchParams | ParamPatch = {}): string {
  const all = params instanceof URLSearchParams ? params : patched(new URLSearchParams(), params)
  return BASE + path + encodeParams(all)
}

export function patched(params: URLSearchParams, patch: ParamPatch): URLSearchParams {
  const next = new URLSearchParams(params)
  for (const [name, value] of Object.entries(patch)) {
    next.delete(name)
    for (const one of typeof value === 'string' ? [value] : (value ?? [])) {
      if (one !== '') next.append(name, one)
    }
  }
  return next
}

export interface NavigateOptions {
  /** Replaces the current history entry. By default Back leads to it. */
  readonly replace?: boolean
}

export function navigate(href: string, { replace = false }: NavigateOptions = {}): void {
  if (href === window.location.pathname + window.location.search) return
  go(href, replace ? { ...entry, twin: false } : { index: entry.index + 1, twin: false })
}

function go(href: string, next: Entry): void {
  if (next.index === entry.index) window.history.replaceState(next, '', href)
  else window.history.pushState(next, '', href)
  entry = next
  back = false
  location.set(read())
}

/** The address before the part was opened, and the index of the history entry that opening it made. */
let opened: { readonly from: string; readonly index: number } | null = null

/** Opens a part of the page. Back closes it. While it is open, another value replaces the first. */
export function openPart(name: string, value: string): void {
  const { path, params } = read()
  const replace = params.has(name)
  if (!replace) opened = { from: hrefOf(path, params), index: entry.index + 1 }
  navigate(hrefOf(path, patched(params, { [name]: value })), { replace })
}

/** Closes the part at once. The browser's Back would take effect later, and the next key press must find it closed. */
export function closePart(name: string): void {
  const { path, params } = read()
  if (!params.has(name)) return
  const href = hrefOf(path, patched(params, { [name]: null }))
  go(href, { ...entry, twin: opened?.index === entry.index && opened.from === href })
}

/** Changes some parameters of the current page. */
export function setParams(patch: ParamPatch, options: NavigateOptions = {}): void {
  const { path, params } = read()
  navigate(hrefOf(path, patched(params, patch)), options)
}

/** Notes the place within the view that is shown. The entry of the history stays what it was. */
export function notePlace(patch: ParamPatch): void {
  const { path, params } = read()
  const href = hrefOf(path, patched(params, patch))
  if (href !== window.location.pathname + window.location.search) go(href, entry)
}

/** For `<a onClick>`: a plain click stays in the page. The browser handles clicks with a modifier key (new tab). */
export function followLink(event: MouseEvent): void {
  const anchor = event.currentTarget as HTMLAnchorElement
  const modified = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey
  if (event.button !== 0 || modified) return
  event.preventDefault()
  navigate(anchor.pathname + anchor.search)
  window.scrollTo(0, 0)
}
