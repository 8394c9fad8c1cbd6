/** The server's catalog, to read only. The API, `tunmeter catalog` and imports change it. */
import { useState } from 'preact/hooks'
import type { Catalog } from '../../../session/catalog.js'
import { fetchCatalog } from '../../api/admin.js'
import { useQuery } from '../../api/use-query.js'
import { formatCount } from '../../format/bytes.js'
import { keptText } from '../../parts/kept.js'
import { Segments } from '../../parts/segments.js'
import { Failure, Progress } from '../../parts/states.js'
import { TableScroll } from '../../parts/table-scroll.js'

const KINDS = ['resources', 'clients', 'users', 'sites', 'prefixes'] as const
type Kind = (typeof KINDS)[number]
/** More rows would make the page slow; the search finds the rest. */
const SHOWN_MAX = 200

interface Table {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

const text = (value: string | number | null | undefined) => String(value ?? '')

function tableOf(catalog: Catalog, kind: Kind): Table {
  switch (kind) {
    case 'resources':
      return {
        columns: ['Id', 'Name', 'Destination', 'Protocol', 'Ports', 'Site', 'Kept'],
        rows: catalog.resources.map((r) => [
          text(r.siteResourceId),
          r.name,
          r.destination,
          r.protocol?.toUpperCase() ?? 'any',
          r.ports.length === 0 ? 'any' : r.ports.join(', '),
          text(r.siteId ?? 'any'),
          keptText(r),
        ]),
      }
    case 'clients':
      return {
        columns: ['Id', 'Name', 'User', 'Public key', 'Addresses', 'Kept'],
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
        columns: ['Id', 'Name', 'Email'],
        rows: catalog.users.map((u) => [u.userId, u.name, text(u.email)]),
      }
    case 'sites':
      return {
        columns: ['Id', 'Name'],
        rows: catalog.sites.map((s) => [text(s.siteId), s.name]),
      }
    case 'prefixes':
      return {
        columns: ['Prefix', 'Name', 'Kept'],
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
        <h2 id="catalog">Catalog</h2>
        <span class="space" />
        {catalog !== undefined && (
          <>
            <input
              class="field catalog-search"
              type="search"
              placeholder="Search"
              aria-label="Search the catalog"
              value={search}
              onInput={(event) => setSearch(event.currentTarget.value)}
            />
            <Segments
              name="Part of the catalog"
              options={KINDS.filter(
                (value) => value !== 'prefixes' || catalog.prefixes !== undefined,
              ).map((value) => ({
                value,
                label: `${value[0]!.toUpperCase()}${value.slice(1)} ${formatCount(catalog[value]?.length ?? 0)}`,
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
          No {kind} yet. A catalog gives names to addresses and keys. Send one with:
        </p>
        <pre class="command">{`tunmeter catalog push catalog.yaml --to ${window.location.origin} --org ${orgId}`}</pre>
      </div>
    )
  }
  return (
    <TableScroll label={`Catalog: ${kind}`}>
      <table class="plain-table">
        <thead>
          <tr>
            {table.columns.map((column) => (
              <th scope="col" key={column}>
                {column}
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
      {found.length === 0 && <p class="card-body muted">Nothing matches “{search}”.</p>}
      {found.length > SHOWN_MAX && (
        <p class="card-body muted">
          The first {SHOWN_MAX} of {formatCount(found.length)}; search for the others.
        </p>
      )}
    </TableScroll>
  )
}
