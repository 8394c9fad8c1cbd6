/** The address bar is the page's state: what it says is what is shown, and every change of the view is written there. */
import { createStore, useStore } from './store.js'

export interface Location {
  readonly path: string
  readonly params: URLSearchParams
}

/** `null` removes the parameter; a list repeats it. */
export type ParamPatch = Readonly<Record<string, string | readonly string[] | null>>

type QueryValue = string | number | boolean | null | undefined
/** Of a call of the API. A list repeats its parameter, which means "any of these". */
export type QueryParams = Readonly<Record<string, QueryValue | readonly string[]>>

function read(): Location {
  return { path: window.location.pathname, params: new URLSearchParams(window.location.search) }
}

const location = createStore<Location>(read())
window.addEventListener('popstate', () => location.set(read()))

export function currentLocation(): Location {
  return location.get()
}

export function useLocation(): Location {
  return useStore(location)
}

/** Colons, commas and slashes are legal in a query: a link stays readable. */
function encodeParams(params: URLSearchParams): string {
  const text = params.toString().replace(/%3A/g, ':').replace(/%2C/g, ',').replace(/%2F/g, '/')
  return text === '' ? '' : `?${text}`
}

export function hrefOf(path: string, params: URLSearchParams | ParamPatch = {}): string {
  if (params instanceof URLSearchParams) return path + encodeParams(params)
  return path + encodeParams(patched(new URLSearchParams(), params))
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

export function navigate(href: string, { replace = false } = {}): void {
  if (href === window.location.pathname + window.location.search) return
  if (replace) window.history.replaceState(null, '', href)
  else window.history.pushState(null, '', href)
  location.set(read())
}

/** Changes some parameters of the page that is shown. */
export function setParams(patch: ParamPatch, options: { replace?: boolean } = {}): void {
  const { path, params } = read()
  navigate(hrefOf(path, patched(params, patch)), options)
}

/** For `<a onClick>`: a plain click stays in the page; with a modifier the browser does what it always does. */
export function followLink(event: MouseEvent): void {
  const anchor = event.currentTarget as HTMLAnchorElement
  const modified = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey
  if (event.button !== 0 || modified) return
  event.preventDefault()
  navigate(anchor.pathname + anchor.search)
  window.scrollTo(0, 0)
}
