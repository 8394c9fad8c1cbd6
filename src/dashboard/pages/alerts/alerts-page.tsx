/** The list of alerts with their states, and their form. */
import { useEffect, useState } from 'preact/hooks'
import { type Alert, fetchAlerts, pauseAlert, removeAlert, testAlert } from '../../api/alerts.js'
import { session } from '../../api/session.js'
import { type Query, useQuery } from '../../api/use-query.js'
import { formatCount } from '../../format/bytes.js'
import { Fault } from '../../parts/fault.js'
import { PlusIcon } from '../../parts/icons.js'
import { Failure, Message, Progress } from '../../parts/states.js'
import { TableScroll } from '../../parts/table-scroll.js'
import { toast } from '../../parts/toasts.js'
import { useAction } from '../../parts/use-action.js'
import { useStore } from '../../state/store.js'
import { followLink, hrefOf, useLocation } from '../../state/url.js'
import { viewPatch } from '../../state/view.js'
import { alerts as texts } from '../../texts/alerts.js'
import { AlertDialog } from './alert-dialog.js'
import { conditionText, targetText } from './alert-words.js'

const REFRESH_MS = 15_000

export function AlertsPage({ orgId }: { orgId: string }) {
  if (useStore(session)?.scope === 'read')
    return (
      <Message title={texts().refused}>
        <p>{texts().refusedLead}</p>
      </Message>
    )
  return <List orgId={orgId} />
}

function List({ orgId }: { orgId: string }) {
  const [form, setForm] = useState<Alert | 'new' | null>(null)
  const query = useQuery(`alerts ${orgId}`, (signal) => fetchAlerts(orgId, signal))
  const { data, reload } = query
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && reload(), REFRESH_MS)
    return () => clearInterval(timer)
  }, [reload])
  return (
    <div class="page">
      <div class="page-head">
        <h1>{texts().title}</h1>
        <span class="muted hint">{texts().lead}</span>
        <span class="space" />
        <button type="button" class="button" onClick={() => setForm('new')}>
          <PlusIcon /> {texts().add}
        </button>
      </div>
      <Progress query={query} />
      {data === undefined ? (
        query.error !== null && <Failure query={query} what="alerts" />
      ) : data.length === 0 ? (
        <Message title={texts().none}>
          <p>{texts().noneLead}</p>
        </Message>
      ) : (
        <AlertTable orgId={orgId} query={query} alerts={data} onEdit={setForm} />
      )}
      {form !== null && (
        <AlertDialog
          orgId={orgId}
          alert={form === 'new' ? null : form}
          onClose={() => setForm(null)}
          onStored={(stored) => {
            setForm(null)
            query.update((alerts) =>
              form === 'new'
                ? [...alerts, stored]
                : alerts.map((one) => (one.id === stored.id ? stored : one)),
            )
          }}
        />
      )}
    </div>
  )
}

interface TableProps {
  readonly orgId: string
  readonly query: Query<readonly Alert[]>
  readonly alerts: readonly Alert[]
  readonly onEdit: (alert: Alert) => void
}

function AlertTable({ orgId, query, alerts, onEdit }: TableProps) {
  const action = useAction()
  const { params } = useLocation()
  return (
    <>
      <Fault text={action.fault} />
      <TableScroll label={texts().title}>
        <table class="plain-table">
          <thead>
            <tr>
              <th scope="col">{texts().name}</th>
              <th scope="col">{texts().finds}</th>
              <th scope="col">{texts().on}</th>
              <th scope="col">{texts().state}</th>
              <th scope="col">{texts().goesTo}</th>
              <th scope="col" class="number">
                {texts().sent}
              </th>
              <th scope="col">{texts().actions}</th>
            </tr>
          </thead>
          <tbody>
            {alerts.map((alert) => (
              <tr key={alert.id}>
                <th scope="row">{alert.name}</th>
                <td>{conditionText(alert.condition)}</td>
                <td>
                  <a href={hrefOf('/', viewPatch(alert.query, params))} onClick={followLink}>
                    {alert.query === '' ? texts().all : alert.query}
                  </a>
                </td>
                <td>
                  <Now alert={alert} />
                </td>
                <td>{targetText(alert.to)}</td>
                <td class="number">{formatCount(alert.sent)}</td>
                <td>
                  <Actions {...{ orgId, alert, query, action }} onEdit={() => onEdit(alert)} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
    </>
  )
}

function Now({ alert }: { alert: Alert }) {
  const { paused, now, pending, lastFault, checkFault } = alert
  return (
    <>
      {paused
        ? texts().paused
        : now.length === 0
          ? texts().quiet
          : now.map((one) => <p key={one}>{one}</p>)}
      {pending > 0 && <div class="muted hint">{texts().waiting(pending)}</div>}
      {checkFault !== null && <div class="wrong hint">{texts().notEvaluated(checkFault)}</div>}
      {lastFault !== null && pending > 0 && (
        <div class="wrong hint">{texts().notSent(lastFault.text)}</div>
      )}
    </>
  )
}

interface ActionsProps {
  readonly orgId: string
  readonly alert: Alert
  readonly query: Query<readonly Alert[]>
  readonly action: ReturnType<typeof useAction>
  readonly onEdit: () => void
}

function Actions({ orgId, alert, query, action, onEdit }: ActionsProps) {
  const { id, name, paused } = alert
  const test = async () => {
    const { fault } = await testAlert(orgId, id)
    toast(fault === null ? texts().tested : texts().testFailed(fault))
  }
  const pause = async () => {
    const changed = await pauseAlert(orgId, alert, !paused)
    query.update((all) => all.map((one) => (one.id === id ? changed : one)))
  }
  const remove = async () => {
    await removeAlert(orgId, id)
    query.update((all) => all.filter((one) => one.id !== id))
  }
  const buttons = [
    [texts().edit, async () => onEdit()],
    [texts().test, test],
    [paused ? texts().resume : texts().pause, pause],
    [texts().remove, remove],
  ] as const
  return (
    <div class="alert-actions">
      {buttons.map(([label, work]) => (
        <button
          type="button"
          key={label}
          class="button small"
          aria-label={`${label} ${name}`}
          onClick={() => action.run(work)}
        >
          {label}
        </button>
      ))}
    </div>
  )
}
