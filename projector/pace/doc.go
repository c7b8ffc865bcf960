// Package pace decides how fast a target is written to: how many requests are in flight and
// how large they are (Controller), how many bytes go out in a second (Limiter), and when both
// have to give way to those who search (Brake). Every change is a Decision in the record.
//
// A load begins with 4 requests in flight, adds one as long as that pays, and takes a
// quarter away when the target refuses some, or when a node holds three quarters of the
// writes that it can (asked each second). Requests that take more than 2 s get smaller. A
// number at which the target refused some is tried again only after 200 requests for each
// that was refused, and after twice as many, up to eight times, when it is full again.
// A load that goes on after an outage begins with the number that it had come to, and
// with requests of that size; a server that is away is asked each second, and what was
// sent to it in vain does not count against a limit on bytes a second.
//
// The brake is about those who search meanwhile. Ten times a second a search for one
// document through the alias is timed, from the call to the answer, the network and this
// machine's own load included. When a percentile of what was seen since the pace changed
// last, of ten seconds at most, is above its limit, a quarter of the requests goes, and
// when one is left, a quarter of the bytes a second. They come back one by one when all
// percentiles have been below four fifths of their limits for five seconds. While marks are
// caught up with, in the rounds, in a verification, before and behind the swap and in
// a follow, it acts on the documents written then, four requests at once to begin with;
// verification itself it does not slow. Every decision is in Record.Pace, with its phase.
package pace
