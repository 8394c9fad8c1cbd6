import { Lab, ORG } from '../support/browser.ts'
import { officeCatalog, officeSessions } from '../support/office.ts'
const now = Date.now()
const lab = await Lab.start(officeCatalog())
await lab.ingest(officeSessions({ count: 900, fromMs: now - 20 * 3600e3, toMs: now, seed: 32, open: 3 }))
const sleep = (ms) => new Promise((r) => setTimeout(r, ms))
const page = await lab.open('/')
const { log } = await lab.api('GET', `/org/${ORG}/logs/connection?limit=1000`)
const all = log.map((r) => r.sessionId)
const seen = async () => {
  const drawn = await page.locator('[data-session]').evaluateAll((rows) => rows.map((r) => [r.dataset.session, r.getAttribute('aria-rowindex')]))
  const ok = drawn.every(([id, n]) => all[Number(n) - 2] === id)
  return `${drawn.length} drawn ${Number(drawn[0]?.[1]) - 1}.. right=${ok} pos=${(await page.locator('.position p').innerText())} url=${new URL(page.url()).search} scroll=${await page.locator('.scroller').evaluate((e) => [e.scrollTop, e.scrollHeight].join('/'))}`
}
page.on('request', (r) => { if (/logs\/connection\?/.test(r.url())) console.log('   ask', r.url().match(/(offset|cursor)=[^&]{0,12}/)?.[0]) })
await page.locator('[data-session]').first().waitFor()
await sleep(1500)
console.log('start', await seen())
for (const y of [1000, 2800, 5000, 9000, 20000]) {
  await page.locator('.scroller').evaluate((e, y) => e.scrollTo(0, y), y)
  await sleep(1200)
  console.log(y, await seen())
}
await page.goto(lab.server.url + '/?row=450'); await page.locator('[data-session]').first().waitFor(); await sleep(1500)
console.log('row=450', await seen())
await page.locator('.scroller').evaluate((e) => e.scrollBy(0, -5000)); await sleep(1500)
console.log('up', await seen())
await page.getByRole('link', { name: 'Sites' }).click(); await sleep(800)
console.log('back')
await page.goBack(); await sleep(1200)
console.log('back', await seen())
await page.goto(lab.server.url + '/'); await page.locator('[data-session]').first().waitFor()
for (let n = 0; n < 150; n++) { await page.keyboard.press('j') }
await sleep(800)
console.log('j*150', await seen(), await page.evaluate("document.activeElement?.closest('[data-session]')?.getAttribute('aria-rowindex')"))
await page.setViewportSize({ width: 390, height: 844 }); await page.goto(lab.server.url + '/?row=300'); await page.locator('[data-session]').first().waitFor(); await sleep(1500)
console.log('narrow', await page.evaluate("[scrollY, document.querySelectorAll('[data-session]').length, document.querySelector('[data-session]').getAttribute('aria-posinset'), document.querySelector('.position p').innerText].join()"))
await page.screenshot({ path: '/tmp/dash-n.png' })
console.log(lab.faults)
await lab.stop()
