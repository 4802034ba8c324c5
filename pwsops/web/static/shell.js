// What the toolkit leaves to us in the browser: back and forward, the remembered choice of light or dark, the sidebar,
// the title, where the focus goes and what is announced (attention.js), and whether the server is there (connection.js).

const REMEMBERED = "pwsops-dark"
const NARROW_PX = 600

function follow_history(location) {
  const push = window.history.pushState.bind(window.history)
  window.history.pushState = (state, title, url) => {
    // The answer to a step back is the address the browser is at already; pushing it would cut off the way forward.
    if (new URL(url, window.location.href).href !== window.location.href) { push(state, title, url) }
  }
  const step = () => { location.search = window.location.search }
  window.addEventListener("popstate", step)
  return () => {
    window.removeEventListener("popstate", step)
    window.history.pushState = push
  }
}

function remember_scheme(page) {
  const remembered = window.localStorage.getItem(REMEMBERED)
  const asked = new URLSearchParams(window.location.search).has("theme")
  const dark = remembered === null ? window.matchMedia("(prefers-color-scheme: dark)").matches : remembered === "true"
  if (!asked && dark !== page.data.dark_theme) { page.data.dark_theme = dark }
  page.data.properties.dark_theme.change.connect(() => {
    window.localStorage.setItem(REMEMBERED, String(page.data.dark_theme))
  })
}

function name_sidebar(page_view) {
  // Over a narrow page it is a dialog, which the toolkit leaves without a name.
  const watch = new MutationObserver(() => {
    page_view.shadow_el.querySelector(".sidebar[role=dialog]:not([aria-label])")?.setAttribute("aria-label", "Pages")
  })
  watch.observe(page_view.shadow_el, {childList: true, subtree: true})
  return () => watch.disconnect()
}

export function render({model, view}) {
  const roots = view.model.document.roots()
  const page = roots.find((root) => root.class_name === "Page")
  const location = roots.find((root) => root.type.endsWith("Location"))
  const forget = follow_history(location)
  remember_scheme(page)
  // On a narrow screen the sidebar lies over the page: closed, until it is asked for, and again once it has been used.
  const uncover = () => { if (window.innerWidth < NARROW_PX) { page.data.sidebar_open = false } }
  location.properties.search.change.connect(uncover)
  uncover()
  const unwatch = name_sidebar(view.parent)
  const shell = document.createElement("span")
  const stop = watch_connection(model, view, view.el)
  const entitle = () => { document.title = model.page_title }
  entitle()
  model.on("page_title", entitle)
  // Numbered, so that the same is asked for twice.
  model.on("focus", () => attention.want(model.focus.selectors))
  model.on("announced", () => attention.say(model.announced.text))
  model.on("remove", () => { forget(); unwatch(); stop() })
  return shell
}
