package main

import (
	"context"
	"errors"
)

// measure prepares a lab, does the work, and prints what was measured.
func (b *bench) measure(ctx context.Context, mode string, products []string, work func(*lab) error) (err error) {
	l, err := b.newLab(ctx, mode, products...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close(ctx)) }()
	if err := work(l); err != nil {
		return err
	}
	return b.print(l.rec.all)
}
