// Package problem is how humpty says what is wrong with what a user gave it:
// every problem at once, each with its place and its remedy.
package problem

import (
	"fmt"
	"strings"
)

// Problem is one thing wrong with a definition, or worth a warning.
type Problem struct {
	Place   string `json:"place,omitempty"` // humpty.yaml:31:7, table shop.orders, index orders-…; may be empty
	What    string `json:"what"`            // what is wrong, naming the thing
	Remedy  string `json:"remedy,omitempty"`
	Warning bool   `json:"warning,omitempty"` // worth saying, but no reason to stop
}

func (p Problem) String() string {
	var b strings.Builder
	if p.Place != "" {
		b.WriteString(p.Place + ": ")
	}
	if p.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(p.What)
	if p.Remedy != "" {
		b.WriteString("\n    " + strings.ReplaceAll(p.Remedy, "\n", "\n    "))
	}
	return b.String()
}

// List collects problems in the order found. The zero value is ready to use.
type List []Problem

// Add appends an error with its place and remedy; what is formatted with args.
func (l *List) Add(place, remedy, what string, args ...any) {
	*l = append(*l, Problem{Place: place, What: fmt.Sprintf(what, args...), Remedy: remedy})
}

// Warn appends a warning with its place and remedy; what is formatted with args.
func (l *List) Warn(place, remedy, what string, args ...any) {
	*l = append(*l, Problem{Place: place, What: fmt.Sprintf(what, args...), Remedy: remedy, Warning: true})
}

// Errors returns the problems that are not warnings.
func (l List) Errors() List { return l.only(false) }

// Warnings returns the problems that are only worth saying.
func (l List) Warnings() List { return l.only(true) }

func (l List) only(warning bool) List {
	var some List
	for _, p := range l {
		if p.Warning == warning {
			some = append(some, p)
		}
	}
	return some
}

// Err returns the errors as one error, nil if there are only warnings or nothing.
func (l List) Err() error {
	if errs := l.Errors(); len(errs) > 0 {
		return errs
	}
	return nil
}

func (l List) Error() string {
	lines := make([]string, len(l))
	for i, p := range l {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}
