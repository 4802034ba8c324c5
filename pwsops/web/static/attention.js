// Where somebody's attention goes after a change: the focus, what is in sight, and the page's one live region. Pieces of
// a page are modules with shadow roots of their own; what they share hangs on the window.

const attention = (window.pwsops_attention ??= attend())

function attend() {
  const HEADER_PX = 64
  // A piece that is replaced may bring by itself what the focus goes to; only then is a place looked for.
  const LOST_MS = 120
  const AGAIN_MS = [100, 300, 700, 1500, 3000, 6000]
  const TAKES_FOCUS = "a[href], button, input, select, textarea, [tabindex]"
  const roots = new Set()
  let wanted = null
  let typed_in = null

  const region = document.createElement("div")
  region.setAttribute("role", "status")
  region.setAttribute("aria-live", "polite")
  // Set one by one: no inline style passes the content security policy.
  Object.assign(region.style, {clipPath: "inset(50%)", height: "1px", overflow: "hidden", position: "fixed", whiteSpace: "nowrap", width: "1px"})
  document.body.append(region)

  function active() {
    let found = document.activeElement
    while (found?.shadowRoot?.activeElement) { found = found.shadowRoot.activeElement }
    return found
  }

  function nobody_has_it() {
    return active() === null || active() === document.body
  }

  function bring(node) {
    if (!node.matches(TAKES_FOCUS)) { node.tabIndex = -1 }
    node.focus({preventScroll: true})
    const box = (node.closest("section") ?? node).getBoundingClientRect()
    const own = node.getBoundingClientRect()
    if (box.bottom > window.innerHeight || own.top < HEADER_PX) { node.scrollIntoView({block: "start"}) }
  }

  // What is asked for holds until somebody does something: the piece that it lies in may be drawn anew meanwhile.
  function look() {
    if (wanted === null || (typed_in !== null && active() === typed_in)) { return }
    for (const selector of wanted) {
      const node = found(selector)
      if (node !== undefined) {
        if (active() !== node) { bring(node) }
        return
      }
    }
  }

  function found(selector) {
    const named = shown(selector)
    // A page that asks for its first field gets it instead of its heading, whichever piece it lies in.
    return named?.tagName === "H1" ? shown("[autofocus]") ?? named : named
  }

  function shown(selector) {
    for (const root of roots) {
      const named = [...root.querySelectorAll(selector)].find((one) => one.getClientRects().length > 0)
      if (named !== undefined) { return named }
    }
  }

  const moved = (event) => { if (event.isTrusted) { wanted = null } }
  window.addEventListener("keydown", moved, true)
  window.addEventListener("pointerdown", moved, true)
  window.addEventListener("input", () => { typed_in = active() }, true)

  return {
    roots,
    look,
    active,
    // From here on the focus may go elsewhere: what was typed before is told.
    acted() { typed_in = null },
    want(selectors) {
      wanted = selectors
      look()
      // The toolkit takes pieces out and puts them in again when another comes beside them, and with that the focus goes.
      for (const ms of AGAIN_MS) {
        window.setTimeout(() => { if (wanted === selectors && nobody_has_it()) { look() } }, ms)
      }
    },
    // The same words twice are said twice.
    say(text) {
      region.textContent = ""
      window.requestAnimationFrame(() => { region.textContent = text })
    },
    // What had the focus is gone, and nobody has said where it goes.
    lost(candidates) {
      window.setTimeout(() => {
        look()
        if (!nobody_has_it()) { return }
        const node = candidates().find((one) => one?.isConnected && one.getClientRects().length > 0)
        if (node !== undefined) { bring(node) }
      }, LOST_MS)
    },
  }
}
