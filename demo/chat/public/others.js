// Links that open this page as another client.

export function drawOthers(box, hint, { otherHosts, address }, room) {
  const port = location.port === '' ? '' : `:${location.port}`
  const link = (host, text) => {
    const made = document.createElement('a')
    made.className = 'button wide'
    made.href = `http://${host}${port}/#${encodeURIComponent(room)}`
    made.target = '_blank'
    made.rel = 'noopener'
    made.textContent = text
    return made
  }
  const links = otherHosts.map((host) => link(host, `Another tab as ${host}`))
  box.replaceChildren(link(location.hostname, 'Another tab, same client'), ...links)
  hint.textContent =
    links.length > 0
      ? `The worker is chosen by the client's address. Yours is ${address}; another one may have another worker.`
      : 'The worker is chosen by the client’s address. To be another client, open this page from another device, or under another address of this machine.'
}
