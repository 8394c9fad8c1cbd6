// Sets the stored theme before the first paint, so that the other one never flashes. No module: modules are deferred.
try {
  const theme = localStorage.getItem('tunmeter.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Storage is off: the page follows the system's preference.
}
