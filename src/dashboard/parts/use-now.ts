/** The current time, updated every second. All parts share one timer, which stops with the last of them. */
import { useEffect, useState } from 'preact/hooks'

const watchers = new Set<(nowMs: number) => void>()
let timer: ReturnType<typeof setInterval> | undefined

export function useNow(): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    watchers.add(setNow)
    timer ??= setInterval(() => {
      const nowMs = Date.now()
      for (const watcher of watchers) watcher(nowMs)
    }, 1000)
    return () => {
      watchers.delete(setNow)
      if (watchers.size > 0) return
      clearInterval(timer)
      timer = undefined
    }
  }, [])
  return now
}
