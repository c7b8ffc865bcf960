package wait

import (
	"context"
	"time"
)

// CleanUpTime is how long cleaning up may take once the context of the work has ended.
const CleanUpTime = 15 * time.Second

// ToCleanUp is a context for what must be done although ctx has ended, or may end meanwhile.
func ToCleanUp(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), CleanUpTime)
}
