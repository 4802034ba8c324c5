// Gathers the pieces of files and lets the browser save them. Each piece is asked for when the one before has come.

const KEPT_MS = 60_000

export function render({model}) {
  const files = new Map()
  model.on("msg:custom", ({number, name, piece, last}) => {
    const pieces = files.get(number) ?? []
    pieces.push(piece)
    if (!last) {
      files.set(number, pieces)
      model.send_msg({more: number})
      return
    }
    files.delete(number)
    const address = URL.createObjectURL(new Blob(pieces))
    const link = document.createElement("a")
    link.href = address
    link.download = name
    link.click()
    setTimeout(() => URL.revokeObjectURL(address), KEPT_MS)
  })
  return document.createElement("span")
}
