package logtail

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Handler returns a handler that keeps what it hands to next. What next leaves out by its
// level is not kept either.
func (t *Tail) Handler(next slog.Handler) slog.Handler { return &handler{tail: t, next: next} }

type handler struct {
	tail   *Tail
	next   slog.Handler
	attrs  []slog.Attr // fixed, as in a kept record
	prefix string      // of the groups that are open
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle implements slog.Handler. It is on the way of every login, so that it makes no texts of
// what cannot change: who reads the record does.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	k := kept{at: r.Time, level: r.Level, message: cut(r.Message)}
	if n := len(h.attrs) + r.NumAttrs(); n > 0 {
		k.attrs = append(make([]slog.Attr, 0, n), h.attrs...)
	}
	r.Attrs(func(a slog.Attr) bool {
		k.attrs = appendFixed(k.attrs, h.prefix, a)
		return true
	})
	h.tail.add(k)
	return h.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.next = h.next.WithAttrs(attrs)
	with.attrs = slices.Clone(h.attrs)
	for _, a := range attrs {
		with.attrs = appendFixed(with.attrs, h.prefix, a)
	}
	return &with
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	with := *h
	with.next, with.prefix = h.next.WithGroup(name), h.prefix+name+"."
	return &with
}

// appendFixed appends what an attribute holds now: numbers and times as they are, and of all else,
// which may change or be a secret, its text.
func appendFixed(list []slog.Attr, prefix string, a slog.Attr) []slog.Attr {
	value := a.Value.Resolve()
	switch value.Kind() {
	case slog.KindGroup:
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range value.Group() {
			list = appendFixed(list, prefix, member)
		}
		return list
	case slog.KindAny:
		value = slog.StringValue(cut(value.String()))
	case slog.KindString:
		if len(value.String()) > shownText {
			value = slog.StringValue(cut(value.String()))
		}
	}
	if a.Key == "" {
		return list
	}
	if prefix != "" {
		a.Key = prefix + a.Key
	}
	return append(list, slog.Attr{Key: a.Key, Value: value})
}

func text(v slog.Value) string {
	if v.Kind() == slog.KindTime {
		return v.Time().Format(time.RFC3339)
	}
	return v.String()
}

// cut shortens a text, and copies what it keeps of a long one: the rest is not to stay in memory.
func cut(s string) string {
	if len(s) <= shownText {
		return s
	}
	end := shownText
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return strings.Clone(s[:end]) + "…"
}
