package projector

// restrain keeps the requests in flight at no more than a number from now on.
func (p *pacer) restrain(most int, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ceiling = most
	p.tried = 0
	if p.limit > most {
		p.set(most, why)
	} else {
		p.note(why)
	}
}

// relax raises what restrain has lowered, by one.
func (p *pacer) relax(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ceiling == p.most {
		return
	}
	p.ceiling++
	p.rest, p.down = 0, false
	if p.limit == p.ceiling-1 {
		p.tried = 0
		p.set(p.ceiling, why)
	}
}

// pressed takes a quarter of the requests away before the target refuses any, and leaves
// things so for a while.
func (p *pacer) pressed(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.limit > 1 {
		p.set(max(1, p.limit*3/4), why)
	}
	p.tried, p.rest = 0, restAfter
}

// say notes what was decided elsewhere.
func (p *pacer) say(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note(why)
}

// sent is how many bytes were booked so far.
func (p *pacer) sent() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes
}

// unused reports whether nothing is in flight.
func (p *pacer) unused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.debt == 0 && len(p.slots) == p.limit
}

// told is the last decision to be said behind something else; nothing before the first.
func (p *pacer) told() string {
	if last := p.newest(); last != "" {
		return "; " + last
	}
	return ""
}

// newest is the last decision, in words; empty before the first.
func (p *pacer) newest() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}
