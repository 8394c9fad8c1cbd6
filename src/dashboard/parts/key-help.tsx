import { common } from '../texts/common.js'
import { Dialog } from './dialog.js'

const KEYS = [
  [['/'], 'query'],
  [['j', 'k'], 'rows'],
  [['Enter'], 'enter'],
  [['→', '←'], 'cells'],
  [['Esc'], 'escape'],
  [['←', '→'], 'bars'],
  [['↑', '↓'], 'zoom'],
  [['l'], 'live'],
  [['r'], 'refresh'],
  [['?'], 'help'],
] as const

export function KeyHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={common().keyboard} onClose={onClose}>
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
            <dd>{common().keys[what]}</dd>
          </div>
        ))}
      </dl>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          {common().close}
        </button>
      </div>
    </Dialog>
  )
}
