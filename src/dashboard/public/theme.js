// Runs before the first paint, so that a chosen theme never flashes the other one. Not a module: those are deferred.
try {
  const theme = localStorage.getItem('tunmeter.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Storage is off: the system's preference holds.
}
