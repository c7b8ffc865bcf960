package shop

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed files
var files embed.FS

// Place says where the source and the target of the read model are.
type Place struct {
	Postgres string // DSN
	Search   string // URL
	Product  string // elasticsearch (where empty) or opensearch
	Alias    string // orders where empty
}

// WriteConfig writes humpty.yaml and orders.index.json, which make the read model `orders`
// of the given shape, into the folder, and returns the path of the former. The mapping is
// explicit and strict; two shards, no replicas.
func WriteConfig(folder string, shape Shape, p Place) (string, error) {
	if p.Product == "" {
		p.Product = "elasticsearch"
	}
	if p.Alias == "" {
		p.Alias = "orders"
	}
	text, err := template.ParseFS(files, "files/"+string(shape)+".yaml")
	if err != nil {
		return "", fmt.Errorf("shop: no read model of shape %q: %w", shape, err)
	}
	var config bytes.Buffer
	if err := text.Execute(&config, p); err != nil {
		return "", fmt.Errorf("shop: %w", err)
	}
	index, err := files.ReadFile("files/" + string(shape) + ".index.json")
	if err != nil {
		return "", fmt.Errorf("shop: %w", err)
	}
	name := filepath.Join(folder, "humpty.yaml")
	if err := os.WriteFile(name, config.Bytes(), 0o644); err != nil {
		return "", err
	}
	return name, os.WriteFile(filepath.Join(folder, "orders.index.json"), index, 0o644)
}
