package etcd

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"go.uber.org/zap/zapcore"
)

// quietly is zap's way into a slog.Logger: warnings and worse, each message once a minute. While etcd is away its client warns at every call.
type quietly struct {
	logger *slog.Logger
	fields []zapcore.Field
	said   *said
}

type said struct {
	mu   sync.Mutex // guards what follows
	when map[string]time.Time
}

func (q quietly) Enabled(l zapcore.Level) bool { return l >= zapcore.WarnLevel }
func (q quietly) With(fields []zapcore.Field) zapcore.Core {
	q.fields = append(q.fields[:len(q.fields):len(q.fields)], fields...)
	return q
}
func (q quietly) Sync() error { return nil }

func (q quietly) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !q.Enabled(e.Level) {
		return to
	}
	return to.AddCore(e, q)
}

// Write says the message and the error. Other fields may hold whole requests.
func (q quietly) Write(e zapcore.Entry, fields []zapcore.Field) error {
	q.said.mu.Lock()
	last, again := q.said.when[e.Message]
	if again = again && e.Time.Sub(last) < time.Minute; !again {
		q.said.when[e.Message] = e.Time
	}
	q.said.mu.Unlock()
	if again {
		return nil
	}
	reason := ""
	for _, f := range append(q.fields[:len(q.fields):len(q.fields)], fields...) {
		if err, ok := f.Interface.(error); ok && f.Type == zapcore.ErrorType {
			reason = err.Error()
		}
	}
	q.logger.LogAttrs(context.Background(), slog.LevelWarn, "etcd's client", slog.String("says", e.Message), slog.String("error", reason))
	return nil
}
