package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// auditRecords says what an Actor's change does, thing by thing: objects, then entries, each as it was and as it is.
func (a *applier) auditRecords() []AuditRecord {
	if a.c.By == nil {
		return nil
	}
	var records []AuditRecord
	room := func() bool { return len(records) < maxAudited }
	for _, o := range a.auditedObjects {
		if room() {
			records = append(records, AuditRecord{Actor: *a.c.By, Action: o.action, Kind: string(o.ref.Kind), Name: o.ref.Name, Fields: o.fields})
		}
	}
	for _, r := range a.auditedEntries {
		if room() {
			records = append(records, r)
		}
	}
	if all := len(a.objects) + a.writes; all > len(records) && len(records) > 0 {
		records[len(records)-1].More = all - len(records)
	}
	return records
}

// An auditedObject is what a change did to an object.
type auditedObject struct {
	ref    ObjectRef
	action string
	fields []AuditField
}

// auditObject notes what becomes of an object: documents before and after, nil for none, and the secrets that are others now.
func (a *applier) auditObject(r ObjectRef, before, after []byte, secrets []string) {
	if a.c.By == nil || len(a.auditedObjects) >= maxAudited {
		return
	}
	action := actionOf(before != nil, after != nil)
	fields := documentFields(before, after)
	for _, path := range secrets {
		if slices.ContainsFunc(fields, func(f AuditField) bool { return f.Field == path }) {
			continue
		}
		fields = append(fields, AuditField{Field: path, Old: mask, New: mask})
	}
	a.auditedObjects = append(a.auditedObjects, auditedObject{r, action, fields})
}

// auditEntries notes what becomes of the first entries of a change. It runs while their records are at hand.
func (a *applier) auditEntries() error {
	if a.c.By == nil {
		return nil
	}
	for _, o := range a.order[:min(len(a.order), maxAudited)] {
		before, err := o.replaced()
		if err != nil {
			return err
		}
		var after *Entry
		if o.put {
			if after, err = o.entry(); err != nil {
				return err
			}
		}
		named := after
		if named == nil {
			named = before
		}
		a.auditedEntries = append(a.auditedEntries, AuditRecord{
			Actor: *a.c.By, Action: actionOf(before != nil, after != nil), Kind: named.Kind.String(), Name: named.describe().Name,
			Fields: entryFields(before, after),
		})
	}
	return nil
}

func actionOf(before, after bool) string {
	switch {
	case !before:
		return Created.String()
	case !after:
		return "deleted"
	}
	return Updated.String()
}

// entryFields are the fields in which two entries differ; nil is one without any.
func entryFields(before, after *Entry) []AuditField {
	var fields []AuditField
	add := func(name, old, new string) {
		if old != new {
			fields = append(fields, AuditField{name, old, new})
		}
	}
	if before == nil {
		before = new(Entry)
	}
	if after == nil {
		after = new(Entry)
	}
	for i := range table {
		f := &table[i]
		old, new := before.Values.All(f.ID), after.Values.All(f.ID)
		if !slices.Equal(old, new) {
			fields = append(fields, AuditField{f.Name, auditText(f, old), auditText(f, new)})
		}
	}
	add("phonebook", before.Phonebook, after.Phonebook)
	add("connector", before.Owner, after.Owner)
	add("auth", authText(before), authText(after))
	add("changed by hand", localText(before), localText(after))
	if before.Auth.Hash != after.Auth.Hash {
		fields = append(fields, AuditField{"password", before.Auth.Hash.String(), after.Auth.Hash.String()})
	}
	return fields
}

// auditText is the values of a field as people read them.
func auditText(f *Field, values []string) string {
	switch {
	case len(values) == 0:
		return ""
	case f.Matching == MatchNone:
		return mask
	case f.Matching == MatchBytes:
		return fmt.Sprintf("(%d bytes)", len(values[0]))
	}
	return strings.Join(values, ", ")
}

func authText(e *Entry) string {
	if e.Kind != KindUser {
		return ""
	}
	text := e.Auth.Method.String()
	if e.Auth.Upstream != "" {
		text += " " + e.Auth.Upstream
	}
	if e.Auth.Disabled {
		text += ", disabled"
	}
	return text
}

// localText names what a sync leaves alone.
func localText(e *Entry) string {
	var names []string
	for _, id := range e.Local.Fields() {
		names = append(names, id.String())
	}
	if e.LocalAuth {
		names = append(names, "auth")
	}
	return strings.Join(names, ", ")
}

// documentFields are the paths at which two objects as JSON, in which secrets are masked, differ.
func documentFields(before, after []byte) []AuditField {
	old, new := map[string]string{}, map[string]string{}
	flatten("", before, old)
	flatten("", after, new)
	var fields []AuditField
	for path, text := range old {
		if new[path] != text {
			fields = append(fields, AuditField{path, text, new[path]})
		}
	}
	for path, text := range new {
		if _, both := old[path]; !both && text != "" {
			fields = append(fields, AuditField{path, "", text})
		}
	}
	slices.SortFunc(fields, func(x, y AuditField) int { return strings.Compare(x.Field, y.Field) })
	return fields
}

// flatten collects what a document holds, by path: texts as they are, anything else as JSON.
func flatten(path string, data []byte, into map[string]string) {
	var keys map[string]json.RawMessage
	if bytes.HasPrefix(data, []byte("{")) && json.Unmarshal(data, &keys) == nil {
		for key, value := range keys {
			if path != "" {
				key = path + "." + key
			}
			flatten(key, value, into)
		}
		return
	}
	var text string
	switch {
	case len(data) == 0:
	case json.Unmarshal(data, &text) == nil:
		into[path] = text
	default:
		into[path] = string(data)
	}
}

// boundedFields cuts what is too much for a record.
func boundedFields(fields []AuditField) []AuditField {
	out := make([]AuditField, 0, min(len(fields), maxAuditFields))
	for _, f := range fields[:min(len(fields), maxAuditFields)] {
		f.Old, f.New = cut(f.Old, maxAuditValue), cut(f.New, maxAuditValue)
		out = append(out, f)
	}
	return out
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
