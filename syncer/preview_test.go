package syncer_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

func TestPreview(t *testing.T) {
	w := newWorld(t, func(c *store.Connector) {
		c.Authentication = &store.Authentication{Method: "internal"}
		c.Filter = `username != "guest"`
		c.Variables = map[string]string{"phone": `split(phone, ";")`, "password": `col("PIN") + "-x"`}
	})
	w.write("username,phone,PIN,more", "alice,1;2,4711,"+strings.Repeat("x", 100), "guest,1,,", ",3,4712,", "bob,4,,")
	seq := w.store.Seq()
	p, err := w.syncer.Preview(t.Context(), "staff", 3)
	if err != nil {
		t.Fatal(err)
	}
	want := &syncer.Preview{Records: []syncer.PreviewedRecord{
		{Row: 2,
			Source: []syncer.NamedValues{{"username", []string{"alice"}}, {"phone", []string{"1;2"}}, {"PIN", []string{"[secret]"}}, {"more", []string{strings.Repeat("x", 60) + "…"}}},
			Entry:  []syncer.NamedValues{{"username", []string{"alice"}}, {"displayname", []string{"1"}}, {"phone", []string{"1", "2"}}, {"password", []string{"[secret]"}}}},
		{Row: 3, Source: []syncer.NamedValues{{"username", []string{"guest"}}, {"phone", []string{"1"}}}, LeftOut: true},
		{Row: 4, Source: []syncer.NamedValues{{"phone", []string{"3"}}, {"PIN", []string{"[secret]"}}}, Column: "username", Reason: "is empty, but identifies the record"},
	}}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("\n got %+v\nwant %+v", p, want)
	}
	if w.store.Seq() != seq || len(w.dump()) != 0 {
		t.Error("a preview wrote")
	}
	if _, err := w.syncer.Preview(t.Context(), "nobody", 3); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown connector: %v", err)
	}
}

func TestPreviewOfABadSource(t *testing.T) {
	w := newWorld(t)
	w.write("username,phone", "alice,1", "bob,\"2")
	p, err := w.syncer.Preview(t.Context(), "staff", 20)
	if err != nil || len(p.Records) != 1 || !strings.Contains(p.Error, "row 3, column 2: the quoted field that begins here never ends") {
		t.Errorf("%+v, %v", p, err)
	}
	w.write("user_name,phone", "alice,1")
	if p, err = w.syncer.Preview(t.Context(), "staff", 20); err != nil || p.Error != `key: there is no column "username": is it "user_name"?` {
		t.Errorf("%+v, %v", p, err)
	}
}
