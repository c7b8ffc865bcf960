module.exports = {
  $init: () => ({ items: {}, quantity: 0 }),
  OrderPlaced: (s, e) => { s.status = 'placed'; s.placed_at = e.at; s.id = e.order_id },
  ItemAdded: (s, e) => { const item = e.item; s.items[item.sku] = item; s.quantity += item.quantity },
  Paid: (s, e) => { s.status = 'paid'; s.paid_at = e.at },
  Packed: s => { s.status = 'packed' },
  Shipped: (s, e) => { s.status = 'shipped'; s.shipped_at = e.at },
  Delivered: (s, e) => { s.status = 'delivered'; s.delivered_at = e.at },
}
