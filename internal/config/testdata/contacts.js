module.exports = {
  $any: (contact, event) => { contact.customer = event.customer; contact.mail = event.mail },
}
