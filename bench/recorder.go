package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"humpty/bench/internal/result"
)

// recorder keeps measurements as they come, also in a file if it has one, so that an
// interrupted run is not lost: its file ends in .part, which no report reads.
type recorder struct {
	stamp result.Stamp
	all   []result.Result
	file  *os.File // nil: nowhere
	path  string   // of the file once the run is complete
}

const unfinished = ".part"

// keep opens a file in the folder, named by date, commit and mode.
func (r *recorder) keep(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("keep results: %w", err)
	}
	r.path = filepath.Join(folder, r.stamp.FileName())
	file, err := os.OpenFile(r.path+unfinished, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("keep results: %w", err)
	}
	r.file = file
	return nil
}

func (r *recorder) add(m result.Measurement) error {
	one := result.Result{Stamp: r.stamp, Measurement: m}
	r.all = append(r.all, one)
	if r.file == nil {
		return nil
	}
	return result.Write(r.file, one)
}

// complete gives the file its name.
func (r *recorder) complete() error {
	if r.file == nil {
		return nil
	}
	if err := os.Rename(r.path+unfinished, r.path); err != nil {
		return fmt.Errorf("keep results: %w", err)
	}
	return nil
}

func (r *recorder) close() error {
	if r.file == nil {
		return nil
	}
	return errors.Join(r.file.Sync(), r.file.Close())
}
