/** Sign-in with a key. When the server ended a session, the page shows the reason. */

import { useEffect, useRef, useState } from 'preact/hooks'
import { signedOut } from '../api/client.js'
import { faultText } from '../api/fault-text.js'
import { signIn } from '../api/session.js'
import { Logo } from '../parts/icons.js'
import { LanguageSwitch } from '../parts/language-switch.js'
import { Marked } from '../parts/marked.js'
import { ThemeMenu } from '../parts/theme-menu.js'
import { useStore } from '../state/store.js'
import { signIn as texts } from '../texts/sign-in.js'

export function SignInPage() {
  const reason = useStore(signedOut)
  const field = useRef<HTMLInputElement>(null)
  const [fault, setFault] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  useEffect(() => {
    document.title = `${texts().title} · tunmeter`
    field.current?.focus()
  }, [])
  const submit = async (event: Event) => {
    event.preventDefault()
    const key = field.current?.value.trim() ?? ''
    if (key === '') return setFault(texts().pasteFirst)
    setBusy(true)
    try {
      await signIn(key)
    } catch (error) {
      setFault(faultText(error))
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
        <h1>{texts().heading}</h1>
        {reason !== null && fault === null && (
          <p class="note warn" role="status">
            {texts().signedOut(faultText(reason))}
          </p>
        )}
        {fault !== null && (
          <p class="note wrong" role="alert" id="sign-in-fault">
            {fault}
          </p>
        )}
        <p class="muted">{texts().lead}</p>
        <label class="label">
          {texts().key}
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
          {busy ? texts().signingIn : texts().title}
        </button>
        <details>
          <summary>{texts().whereFrom}</summary>
          <p>{texts().onServer}</p>
          <pre class="command">tunmeter keys create --scope read --org ORG --name "Ada"</pre>
          <p>
            <Marked text={texts().scopes} />
          </p>
        </details>
      </form>
      <span class="sign-in-choices">
        <LanguageSwitch />
        <ThemeMenu />
      </span>
    </main>
  )
}
