package projector

// took is how long the phases took so far, in all processes of the run.
func (n *run) took() map[string]float64 {
	all := n.observer.PhaseSeconds()
	if n.journal == nil || len(n.journal.history.Attempts) == 0 {
		return all
	}
	for _, a := range n.journal.history.Attempts[:len(n.journal.history.Attempts)-1] {
		for _, p := range a.Phases {
			all[string(p.Phase)] += p.Seconds
		}
	}
	return all
}
