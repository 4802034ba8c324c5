// What is told to the server, and what it changes, before the browser has drawn the page is lost. From Bokeh 3.10 on the
// page may have been drawn before a piece of ours is there to hear of it, and that is said only once.
function when_drawn(drawing, act) {
  if (drawing?.is_idle) { act() } else { drawing?.on_event("document_ready", act) }
}
