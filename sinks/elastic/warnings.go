package elastic

import "context"

func (t *Target) warnings(context.Context, map[string]found) ([]string, error) { return nil, nil }
