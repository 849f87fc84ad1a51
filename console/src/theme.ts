// Runs before anything is drawn, so that nobody who chose dark is blinded for a moment.
const root = document.documentElement;
root.classList.add("scripted");
try {
  const chosen = localStorage.getItem("overt.theme");
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
} catch {
  // A browser that keeps nothing follows the system.
}
export {};
