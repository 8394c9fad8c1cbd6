import { Dialog } from './dialog.js'

const KEYS = [
  [['/'], 'Query bar'],
  [['j', 'k'], 'Next, previous session'],
  [['Enter'], 'Details of the focused session'],
  [['→', '←'], 'In a row: next, previous cell; Tab reaches its actions'],
  [['Esc'], 'Close the open part, or leave the zoom'],
  [['←', '→'], 'On the bars: earlier, later'],
  [['↑', '↓'], 'On the bars: half, twice the time'],
  [['l'], 'Live mode on or off'],
  [['r'], 'Refresh'],
  [['?'], 'This list'],
] as const

export function KeyHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <dl class="key-list">
        {KEYS.map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map((key) => (
                <kbd class="kbd" key={key}>
                  {key}
                </kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  )
}
