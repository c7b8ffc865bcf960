// Package demo plays humpty's main job for somebody who sees it for the first time: real
// servers, a shop, its read model, the loss of it, and the rebuild; then read models of the
// events that its carriers write. Nothing is simulated but the wrong terminal, and every
// figure it prints was measured while it ran.
package demo
