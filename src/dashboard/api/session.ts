/** The signed-in key's name, scope and organisation. Scripts never see the key: the browser has an HttpOnly cookie. */

import { createStore } from '../state/store.js'
import { request, signedOut } from './client.js'
import type { KeyInfo } from './types.js'

/** Undefined before the first answer; null: nobody is signed in. */
export const session = createStore<KeyInfo | null | undefined>(undefined)

signedOut.subscribe(() => {
  if (signedOut.get() !== null && session.get() !== undefined) session.set(null)
})

export async function loadSession(): Promise<void> {
  try {
    session.set(await request<KeyInfo>('/key', { signingIn: true }))
  } catch (error) {
    if (error instanceof Error && 'status' in error && error.status === 401) session.set(null)
    else throw error
  }
}

export async function signIn(key: string): Promise<void> {
  const info = await request<KeyInfo>('/login', { method: 'POST', body: { key }, signingIn: true })
  signedOut.set(null)
  session.set(info)
}

export async function signOut(): Promise<void> {
  await request('/logout', { method: 'POST', signingIn: true })
  signedOut.set(null)
  session.set(null)
}
