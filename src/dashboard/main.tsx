import { render } from 'preact'
import { App } from './app.js'
import './styles/tokens.css'
import './styles/base.css'
import './styles/controls.css'
import './styles/shell.css'
import './styles/logs.css'
import './styles/drawer.css'
import './styles/overview.css'
import './styles/settings.css'

render(<App />, document.getElementById('app')!)
