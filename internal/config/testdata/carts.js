module.exports = {
  $init: () => ({ items: [] }),
  ItemAdded: (cart, event) => { cart.items.push(event.item) },
  CheckedOut: () => null,
}
