package etcd

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// While etcd is away its clients, of which there is one after the other, warn several times a second.
func TestQuietly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		var c Client
		logger := slog.New(slog.NewTextHandler(&text, nil))
		for range 100 {
			z := zap.New(quietly{logger: logger, said: &c.said})
			z.Warn("retrying of unary invoker failed", zap.Error(errors.New("context deadline exceeded")), zap.String("request", "hidden"))
			z.Warn("lost watcher")
			z.Info("not worth a word")
			time.Sleep(time.Second)
		}
		lines := strings.Split(strings.TrimSpace(text.String()), "\n")
		if len(lines) != 4 {
			t.Fatalf("%d lines:\n%s", len(lines), text.String())
		}
		if !strings.Contains(lines[2], "it took too long") || !strings.Contains(lines[2], "not_logged_before=59") || strings.Contains(text.String(), "hidden") {
			t.Errorf("after a minute: %s", lines[2])
		}
	})
}
