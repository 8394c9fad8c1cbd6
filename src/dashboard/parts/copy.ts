import { toast } from './toasts.js'

/** Copies and says so. Without a secure context (plain http to another host) there is no clipboard API. */
export async function copyText(text: string, what: string): Promise<void> {
  try {
    if (navigator.clipboard !== undefined) await navigator.clipboard.writeText(text)
    else copyBySelection(text)
    toast(`${what} copied`)
  } catch {
    toast(`${what} could not be copied: the browser does not allow it`)
  }
}

function copyBySelection(text: string): void {
  const area = document.createElement('textarea')
  area.value = text
  // Inside an open modal dialog everything else is inert, and could not be selected.
  const host = document.querySelector('dialog[open]') ?? document.body
  host.append(area)
  area.select()
  const copied = document.execCommand('copy')
  area.remove()
  if (!copied) throw new Error('not allowed')
}
