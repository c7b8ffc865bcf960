package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"humpty/internal/crashpoint"
	"humpty/sinks"
)

// Seal makes the load durable and visible, works off the journal, and waits for the
// copies.
func (x *index) Seal(ctx context.Context, report func(waiting string)) error {
	if report == nil {
		report = func(string) {}
	}
	report("for the refresh of " + x.name)
	if err := x.onShards(ctx, http.MethodPost, "_refresh"); err != nil {
		return err
	}
	report("for the flush of " + x.name)
	if err := x.onShards(ctx, http.MethodPost, "_flush"); err != nil {
		return err
	}
	crashpoint.At("load durable")
	if err := x.CheckDurability(ctx); err != nil {
		return err
	}
	if err := x.merge(ctx, report); err != nil {
		return err
	}
	if err := x.restore(ctx); err != nil {
		return err
	}
	return x.copies(ctx, report)
}

// RestoreSettings puts the user's settings in place after a load that failed, and asks a last time
// whether what it wrote is there: from then on the shards are not written behind any more.
func (x *index) RestoreSettings(ctx context.Context) error {
	doubt := x.CheckDurability(ctx)
	return errors.Join(x.restore(ctx), doubt)
}

// restore puts the user's settings in place and strikes them off the journal. The
// settings come first: a crash in between repeats what does no harm.
func (x *index) restore(ctx context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	due, left := maps.Clone(x.meta.PendingSettings), map[string]json.RawMessage{}
	if keep, ok := due[gcDeletes]; ok && x.meta.State != sinks.Live && x.meta.State != sinks.Retired {
		left[gcDeletes] = keep
		delete(due, gcDeletes)
	}
	if len(due) == 0 {
		return nil
	}
	body, err := json.Marshal(due)
	if err != nil {
		return fmt.Errorf("encode the settings of %s: %w", x.name, err)
	}
	if err := x.MustAck(ctx, http.MethodPut, x.path+"/_settings", body); err != nil {
		return x.Explain("restore the settings of index "+x.name, err)
	}
	crashpoint.At("settings restored")
	m := x.meta
	m.PendingSettings = left
	err = x.note(ctx, m)
	crashpoint.At("settings struck off")
	return err
}

// loading tells whether the load's settings are still in force.
func (x *index) loading() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, loading := x.meta.PendingSettings["index.translog.durability"]
	return loading
}

// doubted tells whether whoever writes knows it already.
func (x *index) doubted() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.meta.SuspectLoss
}
