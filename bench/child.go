package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"

	"github.com/spf13/cobra"

	"humpty/bench/internal/engine"
)

// runChild runs a spec in a process of its own and returns what it measured about itself.
func (b *bench) runChild(ctx context.Context, s engine.Spec) (engine.Outcome, error) {
	var o engine.Outcome
	in, err := json.Marshal(s)
	if err != nil {
		return o, err
	}
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, b.self, engineCommand)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &said
	if err := cmd.Run(); err != nil {
		return o, fmt.Errorf("the engine's process: %w:\n%s", err, said.Bytes())
	}
	if err := json.Unmarshal(out.Bytes(), &o); err != nil {
		return o, fmt.Errorf("the engine's process answered %.200q: %w", out.Bytes(), err)
	}
	return o, nil
}

const engineCommand = "engine"

// engineVerb runs what another process of the bench asks for.
type engineVerb struct{ *bench }

func (v *engineVerb) command() *cobra.Command {
	return &cobra.Command{
		Use:    engineCommand,
		Hidden: true,
		Short:  "Run what stdin says and measure it (the bench calls itself)",
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return engine.Serve(v.in, v.out, func(s engine.Spec) (engine.Outcome, error) {
				return engine.Run(cmd.Context(), s, nil)
			})
		},
	}
}
