// Light or dark, as the page around a cell is. JupyterLab and VS Code say so of theirs, and so does a page of the
// toolkit; of any other page, its ground tells.

const AGAIN_MS = 1000
const SELDOM_MS = 30000
const BODY = ["class", "data-jp-theme-light", "data-vscode-theme-kind", "style"]

function ancestors(node) {
  const found = []
  while (node) {
    if (node.nodeType === Node.ELEMENT_NODE) { found.push(node) }
    node = node.parentNode ?? node.host
  }
  return found
}

function has_dark_ground(nodes) {
  for (const node of nodes) {
    const parts = window.getComputedStyle(node).backgroundColor.match(/[\d.]+/g)?.map(Number) ?? []
    const [red, green, blue, alpha = 1] = parts
    if (parts.length >= 3 && alpha > 0.5) { return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128 }
  }
  return false
}

function is_dark(around) {
  const named = around.find(({classList}) => classList.contains("mui-dark") || classList.contains("mui-light"))
  if (named !== undefined) { return named.classList.contains("mui-dark") }
  const {jpThemeLight, vscodeThemeKind} = document.body.dataset
  if (jpThemeLight !== undefined) { return jpThemeLight === "false" }
  if (vscodeThemeKind !== undefined) { return !vscodeThemeKind.includes("light") }
  return has_dark_ground(around)
}

export function render({model, view}) {
  const cell = view.parent.el
  const around = () => ancestors(cell.parentNode ?? cell.getRootNode().host)
  const follow = () => {
    const dark = is_dark(around())
    cell.toggleAttribute("data-dark", dark)
    if (model.dark !== dark) { model.dark = dark }
  }
  const watch = new MutationObserver(follow)
  const begin = () => {
    watch.observe(document.body, {attributes: true, attributeFilter: BODY})
    around().filter(({classList}) => /\bmui-(dark|light)\b/.test(classList)).forEach((node) => {
      watch.observe(node, {attributes: true, attributeFilter: ["class"]})
    })
    follow()
    // A theme may set its colours a moment after it has said its name.
    window.requestAnimationFrame(follow)
    say()
  }
  // A kernel may be handed what a page says before it has been told of the page, and drops it then.
  const place = Math.random().toString(36).slice(2)
  let again = 0
  let wait_ms = AGAIN_MS
  const say = () => {
    if (model.places.includes(place)) { return }
    model.send_msg({seen: true, place, dark: is_dark(around())})
    // Where no kernel is left, nobody ever answers.
    again = window.setTimeout(say, wait_ms)
    wait_ms = Math.min(2 * wait_ms, SELDOM_MS)
  }
  // A notebook never says that all of it is drawn: this piece is, and its connection is there once it is.
  if (model.served) { when_drawn(view.model.document, begin) } else { window.setTimeout(begin) }
  model.on("remove", () => {
    watch.disconnect()
    window.clearTimeout(again)
    model.send_msg({seen: false, place})
  })
  return document.createElement("span")
}
