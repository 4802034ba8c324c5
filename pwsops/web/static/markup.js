// Shows markup that the server has filled and escaped, changing only what differs: focus, scrolling and hovers stay.

function same(before, after) {
  // Fields of another name are other fields, however alike they look: nothing typed may wander from one to the next.
  return before.nodeType === after.nodeType && before.nodeName === after.nodeName
    && before.dataset?.field === after.dataset?.field && before.type === after.type && before.id === after.id
}

function focused(node) {
  return node.getRootNode().activeElement === node
}

// What somebody types is theirs until they leave the field, and until the server has heard of it; everything else is
// as the server says.
function values(node, held, drawn = false) {
  if (held(node)) { return }
  // What is typed into it is never sent back; the page only says whether the server still holds any.
  if (drawn && ["password", "file"].includes(node.type) && node.hasAttribute("data-empty")) { node.value = "" }
  if (node.type === "checkbox" || node.type === "radio") {
    node.checked = node.hasAttribute("checked")
  } else if (node.tagName === "SELECT") {
    const chosen = [...node.options].findIndex((option) => option.hasAttribute("selected"))
    if (!focused(node)) { node.selectedIndex = Math.max(0, chosen) }
  } else if (node.tagName === "INPUT" && !focused(node) && !["password", "file"].includes(node.type)) {
    if (node.value !== (node.getAttribute("value") ?? "")) { node.value = node.getAttribute("value") ?? "" }
  } else if (node.tagName === "TEXTAREA" && !focused(node)) {
    if (node.value !== node.textContent) { node.value = node.textContent }
  }
}

// A file is sent as text, unless it is larger than any file that is asked for here. All files of a choice go in one
// message, of which the server takes 4 MiB (web/door/limits.py).
const FILE_BYTES = 1 << 20

async function content(file, _, files) {
  const all = files.reduce((sum, {size}) => sum + size, 0)
  if (file.size > FILE_BYTES || all > 2 * FILE_BYTES) { return {name: file.name, content: ""} }
  const bytes = new Uint8Array(await file.arrayBuffer())
  return {name: file.name, content: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))}
}

async function chosen({files}) {
  // One that cannot be read any more is none: the server asks for another.
  return JSON.stringify(await Promise.all([...files].map(content)).catch(() => []))
}

function attributes(before, after) {
  for (const {name} of [...before.attributes]) {
    // What somebody has unfolded stays so: it is told by an attribute. And what a heading got so that the focus could
    // go there stays: without it the focus would be lost again.
    const kept = (name === "open" && before.tagName === "DETAILS") || name === "tabindex"
    if (!after.hasAttribute(name) && !kept) { before.removeAttribute(name) }
  }
  for (const {name, value} of after.attributes) {
    if (before.getAttribute(name) !== value) { before.setAttribute(name, value) }
  }
}

function arrived(node) {
  if (node.nodeType === Node.ELEMENT_NODE && node.isConnected) {
    (node.hasAttribute("autofocus") ? node : node.querySelector("[autofocus]"))?.focus()
  }
}

function selector({field, action, key}) {
  if (field === undefined && action === undefined) { return null }
  const named = field === undefined ? `[data-action="${CSS.escape(action)}"]` : `[data-field="${CSS.escape(field)}"]`
  return named + (key === undefined ? "" : `[data-key="${CSS.escape(key)}"]`)
}

// What comes or goes above somebody's place would else make new elements of all that follows, and the focus be lost.
function makeWay(before, fresh) {
  const active = before.getRootNode().activeElement
  const stays = active ? [...before.childNodes].findIndex((node) => node.contains(active)) : -1
  const wanted = stays < 0 ? null : selector(active.dataset)
  if (wanted === null) { return }
  const place = fresh.findIndex((node) => node.nodeType === Node.ELEMENT_NODE
    && same(before.childNodes[stays], node) && (node.matches(wanted) || node.querySelector(wanted) !== null))
  if (place < 0) { return }
  for (let at = stays; at > place; at -= 1) { before.firstChild.remove() }
  for (let at = stays; at < place; at += 1) { before.insertBefore(document.createTextNode(""), before.firstChild) }
}

function morph(before, after, held) {
  const fresh = [...after.childNodes]
  makeWay(before, fresh)
  const old = [...before.childNodes]
  fresh.forEach((node, index) => {
    const there = old[index]
    if (there === undefined) {
      before.appendChild(node)
      arrived(node)
    } else if (!same(there, node)) {
      there.replaceWith(node)
      arrived(node)
    } else if (node.nodeType === Node.ELEMENT_NODE) {
      const asks = node.hasAttribute("autofocus") && !there.hasAttribute("autofocus")
      attributes(there, node)
      morph(there, node, held)
      values(there, held, true)
      if (asks) { there.focus() }
    } else if (there.data !== node.data) {
      there.data = node.data
    }
  })
  old.slice(fresh.length).forEach((node) => node.remove())
}

// Where the focus goes when what had it is gone: to the same thing of another row, else to the heading that it was under.
function instead(root, node) {
  const {action} = node.dataset
  const title = node.closest("[aria-labelledby]")?.getAttribute("aria-labelledby")
  return () => [
    action === undefined ? null : root.querySelector(`[data-action="${CSS.escape(action)}"]:not([aria-disabled="true"])`),
    title ? root.querySelector(`#${CSS.escape(title)}`) : null,
    root.querySelector("h1, h2, h3"),
  ]
}

// What a piece has to say goes to the page's one live region; not what it says when it is drawn for the first time.
function announce(root, announced) {
  const now = new Map([...root.querySelectorAll("[data-announce]")].map((node) => [node.dataset.announce, node.textContent.trim().replace(/\s+/g, " ")]))
  if (announced.size > 0 || root.dataset.drawn !== undefined) {
    for (const [name, text] of now) {
      if (text !== "" && text !== announced.get(name)) { attention.say(text) }
    }
  }
  root.dataset.drawn = ""
  return now
}

// A long list of buttons is one stop of the Tab key; arrows, Home and End lead through it.
const STEPS = {ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, Home: -Infinity, End: Infinity}

function walk(event) {
  const list = event.target.closest("[data-arrows]")
  if (list === null) { return }
  const stops = [...list.querySelectorAll("button")]
  const to = stops.indexOf(event.target) + STEPS[event.key]
  stops[Math.max(0, Math.min(stops.length - 1, to))]?.focus()
  event.preventDefault()
}

export function render({model, view}) {
  const root = document.createElement("div")
  root.className = "pw"
  attention.roots.add(root)
  let announced = new Map()
  const sent = new Map()
  // Passwords that were typed and not sent: they leave the browser when their form is submitted, and stay until then.
  const unsent = new Set()
  const held = (node) => unsent.has(node) || node.dataset.field !== undefined && (sent.get(name_of(node)) ?? 0) > model.seen
  const draw = () => {
    const fresh = document.createElement("template")
    fresh.innerHTML = model.html
    const active = attention.active()
    const place = root.contains(active) ? instead(root, active) : null
    morph(root, fresh.content, held)
    form.drawn(held)
    announced = announce(root, announced)
    if (place !== null && !active.isConnected) { attention.lost(place) }
    attention.look()
  }
  // Numbered, because the server may be handed them in another order than they were sent in. After a lost connection
  // the browser has new models of what the server still knows, and goes on where that stands.
  const next = () => (view.model.posted = (view.model.posted ?? model.seen) + 1)
  const post = (message, number = next()) => model.send_msg({...message, number})
  const form = keep_typed(model, view, root, (message, field) => {
    const number = next()
    sent.set(field, number)
    post(message, number)
  })
  const submit = (target) => {
    const within = target.closest("[data-form]")
    for (const node of unsent) {
      if (!root.contains(node)) {
        unsent.delete(node)
      } else if (within?.contains(node) && !target.hasAttribute("data-cancel")) {
        unsent.delete(node)
        const number = next()
        sent.set(name_of(node), number)
        post({field: node.dataset.field, key: node.dataset.key ?? "", value: node.value}, number)
      }
    }
  }
  const send = (target, action) => {
    attention.acted()
    submit(target)
    const number = next()
    form.acted()
    if (target.tagName === "BUTTON") {
      page.unanswered.set(root, {number, label: target.getAttribute("aria-label") ?? target.textContent.trim()})
    }
    post({action, key: target.dataset.key ?? ""}, number)
  }
  // One of several points, drawn as a radio button: the pointer chooses at once, the arrow keys only go along.
  const pick = (target) => {
    target.querySelector("input").checked = true
    send(target, target.dataset.pick)
  }
  root.addEventListener("click", (event) => {
    const picked = event.target.closest("[data-pick]")
    if (picked !== null && event.detail > 0) {
      if (event.target.tagName !== "INPUT") { event.preventDefault() }
      pick(picked)
      return
    }
    const target = event.target.closest("[data-action]")
    if (target === null || target.getAttribute("aria-disabled") === "true") { return }
    if (event.target.closest("input, select, textarea, label, summary") !== null && target.tagName !== "BUTTON") { return }
    if (target.tagName === "A") {
      // Another tab or window is the browser's business.
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) { return }
      event.preventDefault()
    }
    send(target, target.dataset.action)
  })
  root.addEventListener("dblclick", (event) => {
    const target = event.target.closest("[data-double]")
    if (target !== null && event.target.closest("button:not(.name), input, a:not(.name)") === null) {
      send(target, target.dataset.double)
    }
  })
  const tell = async (event) => {
    const {target} = event
    const {field, key} = target.dataset
    if (field === undefined) { return }
    if (target.type === "password") {
      unsent.add(target)
      return
    }
    form.typed(target)
    // A file takes a while to read: what is done meanwhile comes after it, as it was done.
    const number = next()
    sent.set(name_of(target), number)
    const value = target.type === "file" ? await chosen(target) : target.type === "checkbox" ? target.checked : target.value
    post({field, key: key ?? "", value}, number)
  }
  // Lists and boxes say that they changed; what is typed is sent while it is typed.
  root.addEventListener("input", tell)
  root.addEventListener("keydown", (event) => {
    const picked = event.key === "Enter" ? event.target.closest("[data-pick]") : null
    if (picked !== null) {
      event.preventDefault()
      pick(picked)
    } else if (event.key === "Enter" && event.target.tagName === "INPUT" && event.target.type !== "checkbox") {
      const first = event.target.closest("[data-form]")?.querySelector("[data-default]")
      if (first) { event.preventDefault(); first.click() }
    }
    if (event.key === "Escape") { root.querySelector("[data-cancel]")?.click() }
    if (event.key in STEPS) { walk(event) }
  })
  model.on("html", draw)
  // Where the server took something otherwise than it was typed, and so drew nothing anew.
  model.on("seen", () => {
    root.querySelectorAll("[data-field]").forEach((node) => values(node, held))
    if (model.seen >= page.unanswered.get(root)?.number) { page.unanswered.delete(root) }
  })
  model.on("remove", () => {
    form.leave()
    page.unanswered.delete(root)
    attention.roots.delete(root)
    window.setTimeout(attention.look)
  })
  draw()
  window.requestAnimationFrame(attention.look)
  return root
}
