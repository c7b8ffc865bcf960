package script

import (
	"fmt"

	"humpty/projector/fold"
)

// making is one document on its way.
type making struct {
	*worker
	reasons []string // why events are left out; "" for one that is not
	watched bool     // what is begun is told
	traced  bool     // the state is written behind each event
}

// maxPoison is how many events of a document may be left out: it is made again for each.
const maxPoison = 100

// make makes the document and answers it. It is made again without each event that left it
// half-changed, as if that had never been.
func (d *making) make() error {
	rounds, traced := 0, d.traced
	for {
		again, large, reject, err := d.fold(traced)
		switch {
		case err != nil:
			return err
		case reject == "" && !again:
			return d.finish(documentMade, "")
		case reject != "" && (traced || large):
			return d.finish(documentLost, reject)
		case reject != "":
			traced = true // which event was it?
		default:
			if rounds++; rounds > maxPoison {
				return d.finish(documentLost, fmt.Sprintf("more than %d of its events are poison", maxPoison))
			}
			traced = d.traced
		}
	}
}

// fold applies the events that are not left out. If traced, the state is written behind each,
// to find the first behind which it cannot be.
func (d *making) fold(traced bool) (again, large bool, reject string, err error) {
	if err := d.begin(-1); err != nil {
		return false, false, "", err
	}
	r, err := newRealm(d.module, d.watchdog)
	if err != nil {
		return false, true, fmt.Sprintf("%s does not load: %v", d.module.name, err), nil
	}
	d.text = d.text[:0]
	for i := range d.events {
		if d.reasons[i] != "" {
			continue
		}
		if err := d.begin(i); err != nil {
			return false, false, "", err
		}
		poison := r.apply(&d.events[i])
		if poison == nil && traced && r.state != nil {
			_, large, poison = r.write(nil, d.limits.State)
		}
		if poison == nil || large {
			continue
		}
		d.reasons[i] = poison.Reason
		if poison.Dirty {
			return true, false, "", nil
		}
	}
	if r.state == nil {
		d.text = d.text[:0]
		return false, false, "", nil
	}
	if err := d.begin(len(d.events)); err != nil {
		return false, false, "", err
	}
	var poison *fold.Poison
	if d.text, large, poison = r.write(d.text, d.limits.State); poison != nil {
		return false, large, poison.Reason, nil //nolint:nilerr // it is why the document is rejected
	}
	return false, false, "", nil
}

// begin tells what is begun: an event, or behind them the writing of the document.
func (d *making) begin(at int) error {
	if !d.watched {
		return nil
	}
	d.mark.begin(frameBegun)
	d.mark.number(int64(at))
	return d.mark.send(d.out)
}

// finish answers what became of the events and of the document.
func (d *making) finish(outcome byte, reject string) error {
	for _, reason := range d.reasons {
		if reason == "" {
			d.answer.byte(eventApplied)
			continue
		}
		d.answer.byte(eventPoison)
		d.answer.string(reason)
	}
	switch {
	case outcome == documentMade && len(d.text) == 0:
		d.answer.byte(documentNone)
	case outcome == documentMade:
		d.answer.byte(outcome)
		d.answer.bytes(d.text)
	default:
		d.answer.byte(outcome)
		d.answer.string(reject)
	}
	return nil
}
