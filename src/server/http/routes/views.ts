/** Saved views of the log: those of the key that asks. */
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { isPlainText, PLAIN_TEXT } from '../../../session/plain-text.js'
import type { DocumentPlace } from '../../control/documents.js'
import { viewQuery } from '../../query/view-query.js'
import type { ServerContext } from '../context.js'
import { HttpError } from '../http.js'
import { orgParams, type Route, route } from '../route.js'
import { type SavedView, viewSchema } from '../view-schema.js'

export const VIEWS_OF_KEY_MAX = 50
const VIEWS_OF_ORG_MAX = 2000

const wantedSchema = z.strictObject({
  name: z.string().trim().min(1).max(100).refine(isPlainText, PLAIN_TEXT),
  query: viewQuery,
})

const params = orgParams.extend({ viewId: z.string().max(32) })
const NO_VIEW = 'There is no such organisation, or this key has no such view.'
const PATH = '/api/v1/org/{orgId}/views'
const READERS = ['admin', 'read'] as const

export function viewRoutes({ control, security, clockMs }: ServerContext): Route[] {
  const { documents } = control
  const placeOf = (orgId: string, keyId: string, id: string): DocumentPlace => ({
    ...{ kind: 'view', orgId, owner: keyId, id },
  })
  const viewsOf = async (orgId: string, keyId: string) => {
    const views = await documents.of<SavedView>('view', orgId, keyId)
    return views.sort((a, b) => a.name.localeCompare(b.name))
  }
  const known = async (orgId: string, keyId: string, id: string): Promise<SavedView> => {
    const view = (await viewsOf(orgId, keyId)).find((one) => one.id === id)
    if (view !== undefined) return view
    throw new HttpError(404, 'noView', `this key has no view "${id}" in this organisation`)
  }
  const save = async (orgId: string, keyId: string, view: SavedView): Promise<void> => {
    const bounds = { ofOwner: VIEWS_OF_KEY_MAX, ofOrg: VIEWS_OF_ORG_MAX }
    if (await documents.put(placeOf(orgId, keyId, view.id), view, bounds)) return
    const message = `a key has at most ${VIEWS_OF_KEY_MAX} views, and an organisation ${VIEWS_OF_ORG_MAX}; remove one`
    throw new HttpError(409, 'tooManyViews', message)
  }
  const savedAt = () => new Date(clockMs()).toISOString()
  const facts = (of: string, { id, name, query }: SavedView) => ({ of, view: id, name, query })
  return [
    route({
      method: 'GET',
      path: PATH,
      tag: 'views',
      summary: 'Saved views of this key, by name',
      scopes: READERS,
      params: orgParams,
      answer: z.object({ views: z.array(viewSchema) }),
      handle: async ({ params: { orgId }, key }) => ({ views: await viewsOf(orgId, key!.keyId) }),
    }),
    route({
      method: 'POST',
      path: PATH,
      tag: 'views',
      summary: 'Save a view; it is removed with the key',
      scopes: READERS,
      status: 201,
      statuses: { 409: `The key has ${VIEWS_OF_KEY_MAX} views.` },
      params: orgParams,
      body: wantedSchema,
      answer: viewSchema,
      handle: async ({ params: { orgId }, body, key, request }) => {
        const view = { id: `v${randomBytes(8).toString('hex')}`, ...body, savedAt: savedAt() }
        await save(orgId, key!.keyId, view)
        security.write('viewSaved', request.ip, key, facts(orgId, view))
        return view
      },
    }),
    route({
      method: 'PUT',
      path: `${PATH}/{viewId}`,
      tag: 'views',
      summary: 'Change a saved view',
      scopes: READERS,
      statuses: { 404: NO_VIEW },
      params,
      body: wantedSchema,
      answer: viewSchema,
      handle: async ({ params: { orgId, viewId }, body, key, request }) => {
        await known(orgId, key!.keyId, viewId)
        const view = { id: viewId, ...body, savedAt: savedAt() }
        await save(orgId, key!.keyId, view)
        security.write('viewSaved', request.ip, key, facts(orgId, view))
        return view
      },
    }),
    route({
      method: 'DELETE',
      path: `${PATH}/{viewId}`,
      tag: 'views',
      summary: 'Remove a saved view',
      scopes: READERS,
      statuses: { 404: NO_VIEW },
      params,
      answer: viewSchema,
      handle: async ({ params: { orgId, viewId }, key, request }) => {
        const view = await known(orgId, key!.keyId, viewId)
        await documents.remove(placeOf(orgId, key!.keyId, viewId))
        security.write('viewRemoved', request.ip, key, facts(orgId, view))
        return view
      },
    }),
  ]
}
