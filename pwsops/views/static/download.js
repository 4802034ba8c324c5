// Gathers the pieces of a file and lets the browser save it. Each piece is asked for when the one before has come.

const KEPT_MS = 60_000

export function render({model}) {
  let number = 0
  let pieces = []
  model.on("msg:custom", (message) => {
    if (message.number !== number) { [number, pieces] = [message.number, []] }
    pieces.push(message.piece)
    if (!message.last) {
      model.send_msg({more: number})
      return
    }
    const address = URL.createObjectURL(new Blob(pieces))
    pieces = []
    const link = document.createElement("a")
    link.href = address
    link.download = message.name
    link.click()
    setTimeout(() => URL.revokeObjectURL(address), KEPT_MS)
  })
  return document.createElement("span")
}
