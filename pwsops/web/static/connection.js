// Whether the server is still there. A page that nobody feeds any more says so, since when, looks old, takes no clicks,
// and comes back by itself: in its place where the server was only silent, else by loading itself again, with what was
// typed (typed.js) put back.

// Within 3 s of the last answer a silent server is noticed: the pause, and the time that an answer may take. A closed
// connection is noticed at once.
const BEAT_MS = 1_000
const SILENT_MS = 1_750
// How often a server that is gone is asked whether it is back, and how long it may take to say so.
const AGAIN_MS = 1_000
const REACH_MS = 2_500
// So many answers to requests, and none on the connection, and that is dead although nobody has closed it.
const DEAD_AFTER = 5
// Loading again does not help for long, where it was done twice within two minutes: the pauses become longer.
const OFTEN_MS = 120_000
const LONGEST_PAUSE_MS = 30_000

const BACK = "pwsops-back"
const LOADS = "pwsops-loads"
const COLOURS = ["canvas", "surface", "line", "text", "muted", "red", "red-soft", "ok", "ok-soft", "accent"]
const ACTS = "button, a[href], [role=button], [role=menuitem], [role=tab], [data-action], [data-double]"
const LOOK = `
  :host { font: 14px/1.45 "Roboto Latin", Roboto, sans-serif; }
  .veil {
    -webkit-backdrop-filter: grayscale(1); backdrop-filter: grayscale(1);
    background: color-mix(in srgb, var(--pw-canvas) 45%, transparent);
    inset: 0; pointer-events: none; position: fixed; z-index: 2147483646;
  }
  .bar {
    align-items: flex-start; background: var(--pw-surface); border: 1px solid var(--pw-line);
    border-left: 4px solid var(--tone); border-radius: 8px; box-shadow: 0 6px 24px rgb(0 0 0 / 0.28);
    box-sizing: border-box; color: var(--pw-text); display: flex; gap: 12px; left: 8px; padding: 9px 16px;
    position: fixed; right: 8px; top: 6px; z-index: 2147483647;
  }
  .bar.red { --tone: var(--pw-red); background: linear-gradient(var(--pw-red-soft) 0 0), var(--pw-surface); }
  .bar.ok { --tone: var(--pw-ok); }
  svg { color: var(--tone); fill: none; flex: none; height: 22px; stroke: currentcolor; stroke-linecap: round;
    stroke-linejoin: round; stroke-width: 2; width: 22px; }
  .words { flex: 1; min-width: 0; }
  p { margin: 0; }
  p:empty { display: none; }
  .title { font-weight: 700; }
  .refused { color: var(--pw-red); font-weight: 500; margin-top: 4px; }
  button { background: none; border: 1px solid var(--pw-line); border-radius: 6px; color: inherit; cursor: pointer;
    font: inherit; font-size: 13px; padding: 2px 10px; }
  button:focus-visible { outline: 2px solid var(--pw-accent); outline-offset: 1px; }
  @media (max-width: 600px) {
    :host { font-size: 13px; }
    .bar { bottom: 8px; gap: 10px; padding: 10px 12px; top: auto; }
  }
`
const CUT = "M2 8.5a15 15 0 0 1 5-3M22 8.5a15 15 0 0 0-9-4M5.5 12.5a10 10 0 0 1 4-2.4M18.5 12.5a10 10 0 0 0-3-2M9 16a5 5 0 0 1 6 0M12 19.5v.5M3 3l18 18"
const WHOLE = "M20 6 9 17l-5-5"

function stored(name, otherwise) {
  try { return JSON.parse(window.sessionStorage.getItem(name)) ?? otherwise } catch { return otherwise }
}

function store(name, value) {
  // Where a browser keeps nothing, the page still says that it is cut off, and loads itself again.
  try { window.sessionStorage.setItem(name, JSON.stringify(value)) } catch { /* as said */ }
}

function element(tag, attributes, ...inside) {
  const made = document.createElement(tag)
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value))
  made.append(...inside)
  return made
}

function picture(path) {
  const made = document.createElement("template")
  made.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${path}"/></svg>`
  return made.content
}

function clock(instant, zone) {
  const options = {hour: "2-digit", minute: "2-digit", second: "2-digit"}
  if (Date.now() - instant > 43_200_000) { Object.assign(options, {day: "numeric", month: "short"}) }
  try {
    return new Intl.DateTimeFormat("en-GB", {...options, timeZone: zone}).format(instant)
  } catch {
    return new Intl.DateTimeFormat("en-GB", options).format(instant)
  }
}

// The colours of light or dark are those of the page, which has them a moment after it was asked for them.
function paint(host, shell) {
  const look = window.getComputedStyle(shell)
  COLOURS.forEach((name) => host.style.setProperty(`--pw-${name}`, look.getPropertyValue(`--pw-${name}`)))
  host.style.colorScheme = look.colorScheme
  if (host.isConnected) { window.requestAnimationFrame(() => paint(host, shell)) }
}

// Over the page, and outside of it: what the toolkit draws anew does not take it away.
function over(shell, ...inside) {
  const host = document.createElement("div")
  host.attachShadow({mode: "open"}).append(element("style", {}, LOOK), ...inside)
  document.body.prepend(host)
  paint(host, shell)
  return host
}

const CAUSES = {
  "not-known-who-is-signed-in": "The server is there, but cannot know who is signed in: a file of its home cannot be used. At the machine, “pwsops access check” and “pwsops user list” say which file, and why.",
}

function notice_cut_off(shell, since) {
  const cause = element("p", {role: "status"})
  const refused = element("p", {class: "refused", role: "alert"})
  const words = element("div", {class: "words"},
    element("div", {role: "alert"},
      element("p", {class: "title"}, `No connection to the server since ${since}.`),
      element("p", {}, "What this page shows is from then, and may be old. It comes back by itself once the server answers; what you have typed stays, except for passwords.")),
    cause, refused)
  const host = over(shell, element("div", {class: "veil"}), element("div", {class: "bar red"}, picture(CUT), words))
  return {
    because(name) {
      const text = CAUSES[name] ?? ""
      if (cause.textContent !== text) { cause.textContent = text }
    },
    refuse() {
      refused.textContent = ""
      window.requestAnimationFrame(() => { refused.textContent = "Not done: nothing can be started or changed without the server." })
    },
    remove: () => host.remove(),
  }
}

function notice_back(shell, {from, to, typed, unanswered}) {
  const close = element("button", {type: "button"}, "Close")
  const region = element("div", {class: "words", role: "status"})
  const host = over(shell, element("div", {class: "bar ok"}, picture(WHOLE), region, close))
  close.addEventListener("click", () => host.remove())
  const doubtful = unanswered.length === 0 ? "" : ` Whether “${unanswered.join("”, “")}” was done is not known: look before you repeat it.`
  // What is put into a live region that is there already is read out.
  window.setTimeout(() => region.append(
    element("p", {class: "title"}, "Connected again."),
    element("p", {}, `The page was cut off from ${from} to ${to}.${typed ? " What you had typed is there again, except for passwords." : ""}${doubtful}`)), 50)
  if (doubtful === "") { window.setTimeout(() => host.remove(), 10_000) }
}

// Links that are not followed and buttons that do nothing are better than clicks that nobody hears of. What is typed or
// ticked is kept.
function keep_clicks_off(refuse) {
  const block = (event) => {
    const path = event.composedPath().filter((node) => node instanceof Element)
    if (path[0]?.closest("input, select, textarea, label, summary") || !path.some((node) => node.matches(ACTS))) { return }
    event.preventDefault()
    event.stopImmediatePropagation()
    refuse()
  }
  const kinds = ["click", "dblclick", "auxclick"]
  kinds.forEach((kind) => window.addEventListener(kind, block, true))
  return () => kinds.forEach((kind) => window.removeEventListener(kind, block, true))
}

function recent_loads() {
  return stored(LOADS, []).filter((one) => Date.now() - one < OFTEN_MS)
}

function kept() {
  const page = window.pwsops
  const {focus: _, ...typed} = page?.kept ?? {}
  for (const [at, {fields}] of page?.forms ?? []) {
    const changed = [...fields.values()].filter(({before: was, value}) => value !== was)
    if (changed.length > 0) { typed[at] = changed.map(({field, key, value}) => ({field, key, value})) }
  }
  const active = attention.active()
  const focus = active?.dataset.field === undefined ? undefined : page?.places.get(active.closest(".pw"))?.(active)
  return {typed, focus}
}

function watch_connection(model, view, shell) {
  let answered_at = Date.now()
  let number = 0
  let cut = null
  let beating, silence, reaching
  const at = (instant) => clock(instant, model.zone)
  const unanswered = () => [...(window.pwsops?.unanswered.values() ?? [])].map(({label}) => label)

  function keep() {
    const {typed, focus} = kept()
    store("pwsops-typed", focus === undefined ? typed : {...typed, focus})
    return Object.keys(typed).length > 0
  }

  function beat() {
    window.clearTimeout(beating)
    // Nobody looks at a hidden page; but one that is cut off has to know when it no longer is.
    if (cut === null ? document.hidden : cut.lost) { return }
    number += 1
    model.send_msg({beat: number})
    window.clearTimeout(silence)
    silence = window.setTimeout(() => cut_off(false), SILENT_MS)
  }

  function answered() {
    answered_at = Date.now()
    window.clearTimeout(silence)
    window.clearTimeout(beating)
    if (cut !== null && !cut.lost) { mend() }
    if (cut === null) { beating = window.setTimeout(beat, BEAT_MS) }
  }

  function cut_off(lost) {
    if (cut !== null) {
      cut.lost ||= lost
      return
    }
    // The toolkit still waits for a page that was cut off while it was being drawn, and would say so across all of it.
    document.getElementById("loader")?.style.setProperty("visibility", "hidden")
    const notice = notice_cut_off(shell, at(answered_at))
    const loads = recent_loads().length
    const pause = loads < 2 ? 0 : Math.min(LONGEST_PAUSE_MS, 1_000 * 2 ** loads)
    cut = {lost, since: answered_at, not_before: Date.now() + pause, notice, reached: 0, open: keep_clicks_off(notice.refuse), title: document.title}
    document.title = `Cut off · ${cut.title}`
    keep()
    reach()
  }

  function mend() {
    const {since, notice, open, title} = cut
    window.clearTimeout(reaching)
    cut = null
    open()
    notice.remove()
    document.title = title
    window.sessionStorage.removeItem("pwsops-typed")
    notice_back(shell, {from: at(since), to: at(answered_at), typed: false, unanswered: []})
  }

  async function reach() {
    beat()
    const asked = {method: "HEAD", cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(REACH_MS)}
    const {status, cause} = await fetch(window.location.href, asked).then(({status, headers}) => ({status, cause: headers.get("Pwsops-Cause")}), () => ({status: 500}))
    const reached = status < 500
    if (cut === null) { return }
    cut.notice.because(cause)
    cut.reached = reached ? cut.reached + 1 : 0
    if (reached && (cut.lost || cut.reached >= DEAD_AFTER) && Date.now() >= cut.not_before) {
      again()
    } else {
      reaching = window.setTimeout(reach, AGAIN_MS)
    }
  }

  function again() {
    store(LOADS, [...recent_loads(), Date.now()])
    store(BACK, {from: at(cut.since), to: at(Date.now()), typed: keep(), unanswered: unanswered()})
    window.location.reload()
  }

  const seen = () => { if (!document.hidden) { beat() } }
  const back = stored(BACK, null)
  if (back !== null) {
    window.sessionStorage.removeItem(BACK)
    notice_back(shell, back)
  }
  model.on("msg:custom", answered)
  view.model.document.on_event("connection_lost", () => cut_off(true))
  document.addEventListener("visibilitychange", seen)
  when_drawn(view.model.document, beat)
  return () => {
    document.removeEventListener("visibilitychange", seen)
    for (const timer of [beating, silence, reaching]) { window.clearTimeout(timer) }
  }
}
