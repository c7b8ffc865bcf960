package devstack

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
)

type kafka struct{}

func (k *kafka) find(context.Context, *node) (string, error) {
	return "", errors.New("devstack: Kafka is not built yet")
}
func (k *kafka) prepare(context.Context, *node) error { return nil }
func (k *kafka) command(*node) *exec.Cmd              { return nil }
func (k *kafka) ready(context.Context, *node) error   { return nil }
func (k *kafka) traits(*node) traits                  { return traits{stop: syscall.SIGTERM} }
