/** /docs: one page about all routes, made from the same table as /openapi.json, without scripts. */
import { z } from 'zod'
import type { Route } from './route.js'

export const DOCS_CSS = `
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); text-transform: capitalize; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: .5rem .8rem; }
summary { cursor: pointer; }
code { font: 14px/1.4 ui-monospace, monospace; background: var(--soft); border-radius: 4px; padding: .1em .3em; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: .6rem 0; }
th, td { text-align: left; vertical-align: top; border-top: 1px solid var(--line); padding: .3rem .6rem .3rem 0; }
.method { font-weight: 700; }
`

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
}

function parameterTable(title: string, schema: z.ZodType | undefined): string {
  if (schema === undefined) return ''
  const { properties = {}, required = [] } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
  }) as {
    properties?: Record<
      string,
      { description?: string; default?: unknown; enum?: unknown[]; type?: string }
    >
    required?: string[]
  }
  const rows = Object.entries(properties).map(([name, property]) => {
    const facts = [
      property.description,
      property.enum && `One of ${property.enum.join(', ')}.`,
      property.default !== undefined && `Default: ${String(property.default)}.`,
      required.includes(name) && 'Required.',
    ].filter(Boolean)
    return `<tr><td><code>${escapeHtml(name)}</code></td><td>${escapeHtml(facts.join(' ') || (property.type ?? ''))}</td></tr>`
  })
  if (rows.length === 0) return ''
  return `<table><thead><tr><th>${title}</th><th>Meaning</th></tr></thead><tbody>${rows.join('')}</tbody></table>`
}

function section(spec: Route): string {
  const who =
    spec.scopes === null ? 'No key needed.' : `Keys: ${['root', ...spec.scopes].join(', ')}.`
  return `<details><summary><span class="method">${spec.method}</span> <code>${escapeHtml(spec.path)}</code> ${escapeHtml(spec.summary)}</summary>
<p>${escapeHtml(spec.description ?? '')} ${who}</p>${parameterTable('Parameter', spec.query)}${parameterTable('Body field', spec.body)}</details>`
}

export function docsPage(routes: readonly Route[], version: string): string {
  const tags = [...new Set(routes.map((r) => r.tag))]
  const sections = tags.map((tag) => {
    const list = routes.filter((r) => r.tag === tag).map(section)
    return `<section><h2>${escapeHtml(tag)}</h2>${list.join('')}</section>`
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>tunmeter API</title><link rel="icon" href="favicon.svg" type="image/svg+xml"><link rel="stylesheet" href="docs.css"></head>
<body><main><h1>tunmeter API ${escapeHtml(version)}</h1>
<p>Send <code>Authorization: Bearer tm_…</code>. Every JSON answer is
<code>{ data, success, error, message, status }</code>. For programs: <a href="openapi.json">openapi.json</a>.</p>
${sections.join('\n')}</main></body></html>
`
}
