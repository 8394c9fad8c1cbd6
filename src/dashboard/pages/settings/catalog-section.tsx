/** The server's catalog, to read only. The API, `tunmeter catalog` and imports change it. */

import { useState } from 'preact/hooks'
import type { Catalog } from '../../../session/catalog.js'
import { fetchCatalog } from '../../api/admin.js'
import { useQuery } from '../../api/use-query.js'
import { keptText } from '../../parts/kept.js'
import { Segments } from '../../parts/segments.js'
import { Failure, Progress } from '../../parts/states.js'
import { TableScroll } from '../../parts/table-scroll.js'
import { SERVER_URL } from '../../state/base.js'
import { settings } from '../../texts/settings.js'

const KINDS = ['resources', 'clients', 'users', 'sites', 'prefixes'] as const
type Kind = (typeof KINDS)[number]
/** More rows would make the page slow; the search finds the rest. */
const SHOWN_MAX = 200

interface Table {
  readonly columns: readonly (keyof ReturnType<typeof settings>['columns'])[]
  readonly rows: readonly (readonly string[])[]
}

const text = (value: string | number | null | undefined) => String(value ?? '')

function tableOf(catalog: Catalog, kind: Kind): Table {
  switch (kind) {
    case 'resources':
      return {
        columns: ['id', 'name', 'destination', 'protocol', 'ports', 'site', 'kept'],
        rows: catalog.resources.map((r) => [
          text(r.siteResourceId),
          r.name,
          r.destination,
          r.protocol?.toUpperCase() ?? settings().any,
          r.ports.length === 0 ? settings().any : r.ports.join(', '),
          text(r.siteId ?? settings().any),
          keptText(r),
        ]),
      }
    case 'clients':
      return {
        columns: ['id', 'name', 'user', 'publicKey', 'addresses', 'kept'],
        rows: catalog.clients.map((c) => [
          text(c.clientId),
          c.name,
          text(c.userId),
          text(c.publicKey),
          c.addresses.join(', '),
          keptText(c),
        ]),
      }
    case 'users':
      return {
        columns: ['id', 'name', 'email'],
        rows: catalog.users.map((u) => [u.userId, u.name, text(u.email)]),
      }
    case 'sites':
      return {
        columns: ['id', 'name'],
        rows: catalog.sites.map((s) => [text(s.siteId), s.name]),
      }
    case 'prefixes':
      return {
        columns: ['prefix', 'name', 'kept'],
        rows: (catalog.prefixes ?? []).map((p) => [p.prefix, p.name, keptText(p)]),
      }
  }
}

export function CatalogSection({ orgId }: { orgId: string }) {
  const query = useQuery(`catalog ${orgId}`, (signal) => fetchCatalog(orgId, signal))
  const [kind, setKind] = useState<Kind>('resources')
  const [search, setSearch] = useState('')
  const catalog = query.data
  return (
    <section class="card" aria-labelledby="catalog">
      <div class="card-head">
        <h2 id="catalog">{settings().catalog}</h2>
        <span class="space" />
        {catalog !== undefined && (
          <>
            <input
              class="field catalog-search"
              type="search"
              placeholder={settings().search}
              aria-label={settings().searchCatalog}
              value={search}
              onInput={(event) => setSearch(event.currentTarget.value)}
            />
            <Segments
              name={settings().partOfCatalog}
              options={KINDS.filter(
                (value) => value !== 'prefixes' || catalog.prefixes !== undefined,
              ).map((value) => ({
                value,
                label: settings().partCount(settings().parts[value], catalog[value]?.length ?? 0),
              }))}
              value={kind}
              onChange={setKind}
            />
          </>
        )}
      </div>
      <Progress query={query} />
      {catalog === undefined ? (
        <Failure query={query} what="catalog" />
      ) : (
        <CatalogTable orgId={orgId} table={tableOf(catalog, kind)} kind={kind} search={search} />
      )}
    </section>
  )
}

interface CatalogTableProps {
  readonly orgId: string
  readonly table: Table
  readonly kind: Kind
  readonly search: string
}

function CatalogTable({ orgId, table, kind, search }: CatalogTableProps) {
  const wanted = search.trim().toLowerCase()
  const found = table.rows.filter((row) => row.join(' ').toLowerCase().includes(wanted))
  if (table.rows.length === 0) {
    return (
      <div class="card-body">
        <p class="muted">
          {settings().noEntries[kind]} {settings().catalogHelp}
        </p>
        <pre class="command">{`tunmeter catalog push catalog.yaml --to ${SERVER_URL} --org ${orgId}`}</pre>
      </div>
    )
  }
  return (
    <TableScroll label={settings().catalogOf[kind]}>
      <table class="plain-table">
        <thead>
          <tr>
            {table.columns.map((column) => (
              <th scope="col" key={column}>
                {settings().columns[column]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {found.slice(0, SHOWN_MAX).map((row) => (
            <tr key={row[0]}>
              {row.map((cell, column) => (
                <td key={table.columns[column]} class={column === 1 ? 'strong' : ''}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {found.length === 0 && <p class="card-body muted">{settings().nothingMatches(search)}</p>}
      {found.length > SHOWN_MAX && (
        <p class="card-body muted">{settings().firstOf(SHOWN_MAX, found.length)}</p>
      )}
    </TableScroll>
  )
}
