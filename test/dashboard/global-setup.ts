import { NO_CHROMIUM, shareChromium } from '../support/browser.js'

/** One browser for all files: to start one takes as long as several tests. */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  return NO_CHROMIUM ? undefined : shareChromium()
}
