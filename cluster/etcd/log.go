package etcd

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"go.uber.org/zap/zapcore"
)

// quietly is zap's way into a slog.Logger: warnings and worse, each message once a minute, whichever member it is about. While etcd is away its client warns at every call.
type quietly struct {
	logger *slog.Logger
	fields []zapcore.Field
	said   *said
}

// said is what was logged lately. There are as many messages as the client's source has.
type said struct {
	mu   sync.Mutex // guards what follows
	when map[string]spoken
}

// A spoken message was logged, and came again so many times since.
type spoken struct {
	at    time.Time
	again int
}

// count tells whether a message is to be logged now, and how often it was not since the last time.
func (s *said) count(message string, now time.Time) (log bool, again int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, ok := s.when[message]
	if ok && now.Sub(last.at) < time.Minute {
		last.again++
		s.when[message] = last
		return false, 0
	}
	if s.when == nil {
		s.when = map[string]spoken{}
	}
	s.when[message] = spoken{at: now}
	return true, last.again
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
	log, again := q.said.count(e.Message, e.Time)
	if !log {
		return nil
	}
	reason := ""
	for _, f := range append(q.fields[:len(q.fields):len(q.fields)], fields...) {
		if err, ok := f.Interface.(error); ok && f.Type == zapcore.ErrorType {
			reason = err.Error()
		}
	}
	q.logger.LogAttrs(context.Background(), slog.LevelWarn, "etcd's client", slog.String("says", e.Message), slog.String("error", inWords(reason)), slog.Int("not_logged_before", again))
	return nil
}
