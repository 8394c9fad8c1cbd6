/** Hands the browser a file that the page has made. */
export function saveFile(name: string, type: string, content: string | Blob): void {
  const url = URL.createObjectURL(new Blob([content], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The browser has the content in hand once the click was handled.
  setTimeout(() => URL.revokeObjectURL(url), 1000)
}
