package projector

// took is how long the phases took so far, in all processes of the run.
func (n *run) took() map[string]float64 {
	all := n.observer.PhaseSeconds()
	for _, p := range n.journal.EarlierPhases() {
		all[string(p.Phase)] += p.Seconds
	}
	return all
}
