// Package protocol is a small model of the live protocol, which its test tries in every
// order of its steps, with each rule and without it. The product does not use it.
package protocol
