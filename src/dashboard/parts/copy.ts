import { common } from '../texts/common.js'
import { toast } from './toasts.js'

/** Copies a text and confirms it. Plain http to another host has no clipboard API, so there it copies a selection. */
export async function copyText(text: string, what: string): Promise<void> {
  try {
    if (navigator.clipboard !== undefined) await navigator.clipboard.writeText(text)
    else copyBySelection(text)
    toast(common().copied(what))
  } catch {
    toast(common().notCopied(what))
  }
}

function copyBySelection(text: string): void {
  const area = document.createElement('textarea')
  area.value = text
  // A modal dialog makes the rest of the page inert, so text outside it could not be selected.
  const host = document.querySelector('dialog[open]') ?? document.body
  host.append(area)
  area.select()
  const copied = document.execCommand('copy')
  area.remove()
  if (!copied) throw new Error('not allowed')
}
