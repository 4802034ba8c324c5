// What somebody has typed and the server has not stored. When the server is gone it is all that is left of a form: the
// page that comes after puts it back (connection.js, once it is drawn: drawn.js). Passwords and files are never part of it.
//
// Every piece of a page is a module of its own; what they share hangs on the window.

const TYPED = "pwsops-typed"
const NO_FORM = ["step", "month", "day", "sort", "after", "opened", "status", "trigger", "q"]
const page = (window.pwsops ??= {forms: new Map(), unanswered: new Map(), places: new WeakMap(), kept: recovered(), drawn: false})

function recovered() {
  try {
    const kept = JSON.parse(window.sessionStorage.getItem(TYPED))
    window.sessionStorage.removeItem(TYPED)
    return kept ?? {}
  } catch {
    return {}
  }
}

// Two visits to the same place are at the same form; where in a form, or in a list, somebody is makes no other of it.
function place() {
  const query = new URLSearchParams(window.location.search)
  NO_FORM.forEach((name) => query.delete(name))
  // A view of the calendar beside a form; any other names a form.
  if (["week", "day"].includes(query.get("view"))) { query.delete("view") }
  query.sort()
  return query.toString()
}

function name_of({dataset}) {
  return `${dataset.field} ${dataset.key ?? ""}`
}

function value_of(node) {
  return node.type === "checkbox" ? node.checked : node.value
}

function fill(node, value) {
  if (node.type === "checkbox") { node.checked = value } else { node.value = value }
}

function keep_typed(model, view, root, tell) {
  let at = ""
  let awaited = new Map()
  const fields = () => [...root.querySelectorAll("[data-field]")]
    .filter((node) => !["password", "file", "radio"].includes(node.type))
  const form = () => page.forms.get(at)

  function leave() {
    // Saved, or left on purpose. One that is merely not looked at waits in the session, and so it does here.
    if (form()?.ended) { page.forms.delete(at) }
  }

  function arrive() {
    const now = `${model.piece} ${place()}`
    if (now === at) { return }
    leave()
    at = now
    awaited = new Map()
  }

  function begun() {
    if (!page.forms.has(at)) { page.forms.set(at, {fields: new Map(), touched: false, ended: false}) }
    return form()
  }

  // Nobody has typed what was there before; where that is not known, all of it counts as typed.
  function remember({field, key = ""}, value, before) {
    const {fields: known} = begun()
    const name = `${field} ${key}`
    known.set(name, {field, key, before: known.has(name) ? known.get(name).before : before, value})
  }

  function look(node) {
    const {fields: known, touched} = begun()
    const value = value_of(node)
    // What changes while nobody is at the form is news from elsewhere.
    if (!touched) { known.delete(name_of(node)) }
    remember(node.dataset, value, value)
  }

  // What the server changes before the browser has drawn the page is lost to it; so nothing is told before.
  function restore() {
    if (!page.drawn) { return }
    put_back()
    put_back_late()
    focus()
  }

  function put_back() {
    const messages = page.kept[at]
    if (messages === undefined) { return }
    delete page.kept[at]
    begun().touched = true
    for (const {field, key, value} of messages) {
      const name = `${field} ${key}`
      remember({field, key}, value)
      const node = fields().find((one) => name_of(one) === name)
      if (node === undefined) { awaited.set(name, value) } else { fill(node, value) }
      // Also of fields that are not shown, on another step of a wizard: the server knows them all the same.
      tell({field, key, value}, name)
    }
  }

  // A field may come only after a question to a server; what was told of it before may have been passed over.
  function put_back_late() {
    for (const node of awaited.size === 0 ? [] : fields()) {
      const value = awaited.get(name_of(node))
      if (value === undefined) { continue }
      awaited.delete(name_of(node))
      if (value_of(node) === value) { continue }
      fill(node, value)
      remember(node.dataset, value)
      tell({field: node.dataset.field, key: node.dataset.key ?? "", value}, name_of(node))
    }
  }

  function focus() {
    const {focus: wanted} = page.kept
    if (wanted?.at !== at) { return }
    const node = [...root.querySelectorAll("[data-field]")].find((one) => name_of(one) === wanted.name)
    if (node === undefined) { return }
    if (!node.isConnected) {
      window.requestAnimationFrame(focus)
      return
    }
    delete page.kept.focus
    // A person who has begun to do something else meanwhile is left at it.
    if (document.activeElement === document.body) { node.focus() }
  }

  when_drawn(view.model.document, () => {
    page.drawn = true
    restore()
  })
  page.places.set(root, (node) => ({at, name: name_of(node)}))
  return {
    drawn(held) {
      arrive()
      fields().filter((node) => !held(node)).forEach(look)
      restore()
    },
    typed(node) {
      if (!fields().includes(node)) { return }
      awaited.clear()
      Object.assign(begun(), {touched: true, ended: false})
      remember(node.dataset, value_of(node))
    },
    acted() {
      awaited.clear()
      if (form() !== undefined) { Object.assign(form(), {touched: true, ended: true}) }
    },
    leave,
  }
}
