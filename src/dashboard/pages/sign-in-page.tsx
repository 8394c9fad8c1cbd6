/** Sign-in with a key. When the server ended a session, the page shows the reason. */

import { useEffect, useRef, useState } from 'preact/hooks'
import { messageOf } from '../../base/errors.js'
import { signedOut } from '../api/client.js'
import { signIn } from '../api/session.js'
import { Logo } from '../parts/icons.js'
import { ThemeMenu } from '../parts/theme-menu.js'
import { useStore } from '../state/store.js'

export function SignInPage() {
  const reason = useStore(signedOut)
  const field = useRef<HTMLInputElement>(null)
  const [fault, setFault] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  useEffect(() => {
    document.title = 'Sign in · tunmeter'
    field.current?.focus()
  }, [])
  const submit = async (event: Event) => {
    event.preventDefault()
    const key = field.current?.value.trim() ?? ''
    if (key === '') return setFault('Paste a key first.')
    setBusy(true)
    try {
      await signIn(key)
    } catch (error) {
      setFault(messageOf(error))
      setBusy(false)
      field.current?.select()
    }
  }
  return (
    <main class="sign-in">
      <form class="card sign-in-card" onSubmit={submit}>
        <div class="sign-in-brand">
          <Logo /> tunmeter
        </div>
        <h1>Sign in with a key</h1>
        {reason !== null && fault === null && (
          <p class="note warn" role="status">
            You were signed out. {reason}
          </p>
        )}
        {fault !== null && (
          <p class="note wrong" role="alert" id="sign-in-fault">
            {fault}
          </p>
        )}
        <p class="muted">
          Who reached which private resource, when, for how long, and how much went each way.
        </p>
        <label class="label">
          Key
          <input
            ref={field}
            class="field mono"
            type="password"
            name="key"
            autoComplete="current-password"
            spellcheck={false}
            placeholder="tm_…"
            aria-invalid={fault !== null}
            aria-describedby={fault === null ? undefined : 'sign-in-fault'}
          />
        </label>
        <button type="submit" class="button primary" disabled={busy}>
          {busy ? 'Signing in…' : 'Sign in'}
        </button>
        <details>
          <summary>Where do I get a key?</summary>
          <p>On the server, once for each person or program:</p>
          <pre class="command">tunmeter keys create --scope read --org ORG --name "Ada"</pre>
          <p>
            A <em>read</em> key sees the log; an <em>admin</em> key may also change retention, keys
            and the catalog.
          </p>
        </details>
      </form>
      <ThemeMenu />
    </main>
  )
}
