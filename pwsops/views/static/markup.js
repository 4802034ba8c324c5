// Shows markup that the server has filled and escaped, changing only what differs: focus, scrolling and hovers stay.

function same(before, after) {
  return before.nodeType === after.nodeType && before.nodeName === after.nodeName
}

function attributes(before, after) {
  for (const {name} of [...before.attributes]) {
    if (!after.hasAttribute(name)) { before.removeAttribute(name) }
  }
  for (const {name, value} of after.attributes) {
    if (before.getAttribute(name) !== value) { before.setAttribute(name, value) }
  }
}

function morph(before, after) {
  const old = [...before.childNodes]
  const fresh = [...after.childNodes]
  fresh.forEach((node, index) => {
    const there = old[index]
    if (there === undefined) {
      before.appendChild(node)
    } else if (!same(there, node)) {
      there.replaceWith(node)
    } else if (node.nodeType === Node.ELEMENT_NODE) {
      attributes(there, node)
      morph(there, node)
    } else if (there.data !== node.data) {
      there.data = node.data
    }
  })
  old.slice(fresh.length).forEach((node) => node.remove())
}

export function render({model}) {
  const root = document.createElement("div")
  root.className = "pw"
  const draw = () => {
    const fresh = document.createElement("template")
    fresh.innerHTML = model.html
    morph(root, fresh.content)
  }
  root.addEventListener("click", (event) => {
    const target = event.target.closest("[data-action]")
    if (target === null || target.getAttribute("aria-disabled") === "true") { return }
    if (target.tagName === "A") {
      // Another tab or window is the browser's business.
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) { return }
      event.preventDefault()
    }
    model.send_msg({action: target.dataset.action, key: target.dataset.key ?? ""})
  })
  model.on("html", draw)
  draw()
  return root
}
