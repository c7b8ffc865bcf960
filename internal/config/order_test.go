package config

import (
	"slices"
	"testing"
)

func TestByPriority(t *testing.T) {
	t.Parallel()
	c := Config{Projections: []Projection{{Name: "a"}, {Name: "b", Priority: 2}, {Name: "c"}, {Name: "d", Priority: 2}, {Name: "e", Priority: 1}}}
	var got []string
	for _, p := range c.ByPriority() {
		got = append(got, p.Name)
	}
	if want := []string{"b", "d", "e", "a", "c"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if c.Projections[0].Name != "a" {
		t.Error("the file's order is lost")
	}
}

func TestReads(t *testing.T) {
	t.Parallel()
	p := Projection{Source: "shop", Joined: []Joined{{Source: "stock"}, {Source: "shop"}, {Events: &Events{Source: "bus"}}}}
	if got, want := p.SourceNames(), []string{"bus", "shop", "stock"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
