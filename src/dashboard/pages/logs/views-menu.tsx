/** Saved views of the signed-in key, and a link that shows these sessions to another person. */
import { useState } from 'preact/hooks'
import { useQuery } from '../../api/use-query.js'
import { fetchViews, removeView, type SavedView, saveView } from '../../api/views.js'
import { copyText } from '../../parts/copy.js'
import { Fault } from '../../parts/fault.js'
import { ChevronIcon, CloseIcon, LinkIcon } from '../../parts/icons.js'
import { Popover } from '../../parts/popover.js'
import { toast } from '../../parts/toasts.js'
import { useAction } from '../../parts/use-action.js'
import { currentLocation, followLink, hrefOf, useLocation } from '../../state/url.js'
import { fixedParams, viewPatch, viewQueryOf } from '../../state/view.js'
import { logs } from '../../texts/logs.js'

interface ShareButtonProps {
  readonly orgId: string
  /** The "now" of the shown sessions; undefined: the time of the click. */
  readonly nowMs: number | undefined
}

export function ShareButton({ orgId, nowMs }: ShareButtonProps) {
  const copy = () => {
    const { path, params } = currentLocation()
    const href = hrefOf(path, fixedParams(params, nowMs ?? Date.now(), orgId))
    void copyText(window.location.origin + href, logs().views.link)
  }
  return (
    <button
      type="button"
      class="button icon"
      aria-label={logs().views.share}
      title={logs().views.share}
      onClick={copy}
    >
      <LinkIcon />
    </button>
  )
}

export function ViewsMenu({ orgId }: { orgId: string }) {
  return (
    <Popover
      align="end"
      label={
        <>
          {logs().views.views}
          <ChevronIcon />
        </>
      }
    >
      {(close) => <Views orgId={orgId} close={close} />}
    </Popover>
  )
}

function Views({ orgId, close }: { orgId: string; close: () => void }) {
  const query = useQuery(`views ${orgId}`, (signal) => fetchViews(orgId, signal))
  const action = useAction()
  const remove = (view: SavedView) =>
    action.run(async () => {
      await removeView(orgId, view.id)
      query.update((views) => views.filter((one) => one.id !== view.id))
    })
  return (
    <div class="views">
      <p class="menu-title">{logs().views.title}</p>
      {query.data?.length === 0 && <p class="views-none muted">{logs().views.none}</p>}
      {query.data?.map((view) => (
        <ViewItem key={view.id} view={view} close={close} onRemove={() => remove(view)} />
      ))}
      <div class="menu-line" />
      <SaveForm orgId={orgId} close={close} />
      <Fault text={action.fault ?? query.error?.message ?? null} />
    </div>
  )
}

interface ViewItemProps {
  readonly view: SavedView
  readonly close: () => void
  readonly onRemove: () => void
}

function ViewItem({ view, close, onRemove }: ViewItemProps) {
  const { params } = useLocation()
  return (
    <div class="view-item">
      <a
        class="menu-item"
        href={hrefOf('/', viewPatch(view.query, params))}
        onClick={(event) => {
          followLink(event)
          close()
        }}
      >
        <span class="grow">{view.name}</span>
      </a>
      <button
        type="button"
        class="button quiet icon"
        aria-label={logs().views.remove(view.name)}
        title={logs().views.remove(view.name)}
        onClick={onRemove}
      >
        <CloseIcon />
      </button>
    </div>
  )
}

function SaveForm({ orgId, close }: { orgId: string; close: () => void }) {
  const [name, setName] = useState('')
  const action = useAction()
  const save = (event: SubmitEvent) => {
    event.preventDefault()
    void action.run(async () => {
      const query = viewQueryOf(currentLocation().params)
      const view = await saveView(orgId, { name, query })
      close()
      toast(logs().views.saved(view.name))
    })
  }
  return (
    <form class="view-save" onSubmit={save}>
      <input
        class="field"
        aria-label={logs().views.name}
        placeholder={logs().views.name}
        required
        maxLength={100}
        value={name}
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <button type="submit" class="button">
        {logs().views.save}
      </button>
      <Fault text={action.fault} />
    </form>
  )
}
