/** Saves content that the page has made as a file of the browser. */
export function saveFile(name: string, type: string, content: string | Blob): void {
  const url = URL.createObjectURL(new Blob([content], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The browser needs the URL only until it has handled the click.
  setTimeout(() => URL.revokeObjectURL(url), 1000)
}
