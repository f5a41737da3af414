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
	attrs  []Attr
	prefix string // of the groups that are open
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	kept := Record{At: r.Time, Level: r.Level, Message: cut(r.Message)}
	if n := len(h.attrs) + r.NumAttrs(); n > 0 {
		kept.Attrs = append(make([]Attr, 0, n), h.attrs...)
	}
	r.Attrs(func(a slog.Attr) bool {
		kept.Attrs = appendAttr(kept.Attrs, h.prefix, a)
		return true
	})
	h.tail.add(kept)
	return h.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.next = h.next.WithAttrs(attrs)
	with.attrs = slices.Clone(h.attrs)
	for _, a := range attrs {
		with.attrs = appendAttr(with.attrs, h.prefix, a)
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

func appendAttr(list []Attr, prefix string, a slog.Attr) []Attr {
	value := a.Value.Resolve()
	if value.Kind() != slog.KindGroup {
		if a.Key == "" {
			return list
		}
		return append(list, Attr{prefix + a.Key, cut(text(value))})
	}
	if a.Key != "" {
		prefix += a.Key + "."
	}
	for _, member := range value.Group() {
		list = appendAttr(list, prefix, member)
	}
	return list
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
