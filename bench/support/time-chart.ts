/** Curves over time, one panel for each unit, stacked. For runs whose curves should be flat. */

export interface Panel {
  readonly title: string
  readonly lines: readonly { readonly label: string; readonly values: readonly number[] }[]
}

const STYLE =
  '<style>text{font:13px system-ui,sans-serif;fill:#57606a}.t{font-weight:600;font-size:15px}.g{stroke:#8c959f;stroke-opacity:.3}' +
  '.l{fill:none;stroke-width:1.5}@media(prefers-color-scheme:dark){text{fill:#9da7b3}}</style>'
const COLOURS = ['#0f7b6c', '#b35900', '#6f42c1', '#0969da']
const [WIDTH, PANEL, LEFT, RIGHT, TOP] = [720, 150, 70, 150, 44] as const

/** @param panels their `values` are at equal intervals, from 0 to `minutes` */
export function timeChart(title: string, minutes: number, panels: readonly Panel[]): string {
  const height = TOP + panels.length * PANEL + 30
  const body = panels.map((panel, i) => drawPanel(panel, TOP + i * PANEL)).join('')
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const text = `${Number((minutes * share).toFixed(1))} min`
    return `<text x="${xOf(share)}" y="${height - 10}" text-anchor="middle">${text}</text>`
  })
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" role="img" aria-label="${title}">` +
    `${STYLE}<text class="t" x="12" y="24">${title}</text>${body}${ticks.join('')}</svg>\n`
  )
}

function drawPanel(panel: Panel, top: number): string {
  const [high, low] = [top + 24, top + PANEL - 18]
  const most = Math.max(1e-9, ...panel.lines.flatMap((l) => l.values)) * 1.1
  const y = (value: number): string => (low - (value / most) * (low - high)).toFixed(1)
  const grid = [0, 0.5, 1].map((share) => {
    const at = y(most * share)
    const text = Number((most * share).toPrecision(2)).toLocaleString('en')
    return `<line class="g" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/><text x="${LEFT - 8}" y="${Number(at) + 4}" text-anchor="end">${text}</text>`
  })
  const lines = panel.lines.map((line, i) => {
    const colour = COLOURS[i % COLOURS.length]!
    const last = line.values.length - 1
    const points = line.values.map((value, k) => `${xOf(k / Math.max(1, last))},${y(value)}`)
    return (
      `<polyline class="l" stroke="${colour}" points="${points.join(' ')}"/>` +
      `<text x="${WIDTH - RIGHT + 8}" y="${high + 10 + i * 18}" style="fill:${colour}">${line.label}</text>`
    )
  })
  return `<text x="${LEFT}" y="${top + 14}">${panel.title}</text>${grid.join('')}${lines.join('')}`
}

function xOf(share: number): string {
  return (LEFT + share * (WIDTH - LEFT - RIGHT)).toFixed(1)
}
