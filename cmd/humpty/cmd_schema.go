package main

import (
	"bytes"
	"encoding/json"

	"github.com/spf13/cobra"

	"humpty/internal/config"
)

func newSchemaCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of humpty.yaml, for editors",
		Long: `schema prints the JSON Schema (draft 2020-12) of the configuration. Editors with the YAML
language server use it for completion and checks when the file begins with
  # yaml-language-server: $schema=./humpty.schema.json`,
		Example: "  humpty schema > humpty.schema.json",
		Args:    cobra.NoArgs,
		RunE: a.begin(func(*cobra.Command, []string) error {
			if a.JSON {
				var flat bytes.Buffer
				if err := json.Compact(&flat, config.Schema()); err != nil {
					return err
				}
				a.result.Config = flat.Bytes()
			}
			a.Printf("%s", config.Schema())
			return nil
		}),
	}
}
