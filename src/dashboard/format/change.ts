/** The change against the range of the same length before: `+12 % on the time before`, `as before`, `none before`. */
export function changeOf(now: number, before: number): string {
  if (now === before) return 'as before'
  if (before === 0) return 'none before'
  const share = Math.round(((now - before) / before) * 100)
  if (share === 0) return 'as before'
  const text = Math.abs(share).toLocaleString('en-US')
  return `${share > 0 ? '+' : '−'}${text} % on the time before`
}
