// What belongs to the adapter of a namespace. With cleanupEmptyChildNamespaces a namespace that a client made ends with its
// last client, and what it leaves behind would add up.

/** Acts when the adapter is closed. */
export function beforeClose(adapter: { close(): unknown }, act: () => void): void {
  const close = adapter.close.bind(adapter)
  adapter.close = () => {
    act()
    return close()
  }
}
